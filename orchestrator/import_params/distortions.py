"""From the transform blocks that are not crops to the augmentation."""

from __future__ import annotations

from orchestrator.import_params.blocks import applies, block_of
from orchestrator.import_params.translation import Translation

_CHANGES: dict[str, tuple[str, dict[str, str]]] = {
    "VerticalFlip": ("vertical_flip", {}),
    "HorizontalFlip": ("horizontal_flip", {}),
    "RandomRotation": ("rotation.p", {"angle": "rotation.degrees"}),
    "ColorJitter": (
        "jitter",
        {name: name for name in ("brightness", "contrast", "saturation", "hue")},
    ),
    "RandomGrayscale": ("greyscale", {}),
    "RandomAffine": (
        "affine.p",
        {
            "degrees": "affine.degrees",
            "translate": "affine.translate",
            "scale": "affine.scale",
            "shear": "affine.shear_degrees",
        },
    ),
    "RandomPerspective": ("perspective.p", {"distortion_scale": "perspective.distortion"}),
    "RandomSolarize": ("solarise.p", {"threshold": "solarise.threshold"}),
    "RandomErasing": (
        "erasing.p",
        {"scale": "erasing.area", "ratio": "erasing.aspect", "value": "erasing.value"},
    ),
}
"""Block -> the augmentation's key of its probability, and those of its arguments."""

_BLUR = "RandomGaussianBlur"


def translate_distortions(out: Translation) -> None:
    """Translate flips, rotation, colours, blur and what follows them."""
    for name, (probability, arguments) in _CHANGES.items():
        block, on = block_of("train", name), applies(out.params, "train", name)
        keys = (f"{block}.apply", f"{block}.p")
        out.set({f"augment.{probability}": out.params[f"{block}.p"] if on else 0.0}, *keys)
        if on:
            for argument, key in arguments.items():
                value = out.params[f"{block}.{argument}"]
                value = tuple(value) if isinstance(value, list) else value
                out.set({f"augment.{key}": value}, f"{block}.{argument}")
    _translate_blur(out)


def _translate_blur(out: Translation) -> None:
    block, on = block_of("train", _BLUR), applies(out.params, "train", _BLUR)
    p = out.params[f"{block}.p"] if on else 0.0
    out.set({"augment.blur.p": p}, f"{block}.apply", f"{block}.p")
    if on:
        keys = (f"{block}.radius_min", f"{block}.radius_max")
        out.set({"augment.blur.radius_px": tuple(out.params[key] for key in keys)}, *keys)
