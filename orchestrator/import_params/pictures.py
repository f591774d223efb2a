"""From transform blocks to the size of the input and the augmentation.

The original applies its transforms in a fixed order, whatever the file's: resize, crops, flips,
rotation, colours, blur, affine, perspective, solarise, normalise, erase. Xenograft's is the same.
"""

from __future__ import annotations

from orchestrator.import_params.blocks import BLOCKS, applies, block_of
from orchestrator.import_params.distortions import translate_distortions
from orchestrator.import_params.params import Params
from orchestrator.import_params.schema import SPLITS
from orchestrator.import_params.translation import Translation

_CROPS = ("CenterCrop", "RandomCrop", "RandomResizedCrop")
_EVALUATION = ("Resize", "CenterCrop", "Normalize")


def translate_pictures(out: Translation) -> None:
    """Translate the transforms of all three splits."""
    for split in SPLITS:
        _check_blocks(split, out)
    if out.problems:
        return
    _translate_size(out)
    _translate_crops(out)
    translate_distortions(out)


def _check_blocks(split: str, out: Translation) -> None:
    params = out.params
    for name in BLOCKS:
        block = block_of(split, name)
        if name != "Normalize" and not applies(params, split, name):
            out.explain(params.below(block), "switched off")
    if applies(params, split, "MultiCrop"):
        key = f"{block_of(split, 'MultiCrop')}.apply"
        out.refuse(key, "several views of a picture are for self-supervised training: use false")
    if not params.get(block_of(split, "Normalize"), False):
        out.refuse(block_of(split, "Normalize"), "pictures are always normalised: use true")
    if not applies(params, split, "Resize"):
        out.refuse(f"{block_of(split, 'Resize')}.apply", "pictures are always resized: use true")
    for name in ("Resize", "CenterCrop", "RandomCrop"):
        if applies(params, split, name):
            _check_square(block_of(split, name), out)
    if split != "train":
        for name in BLOCKS:
            if name not in (*_EVALUATION, "MultiCrop") and applies(params, split, name):
                key = f"{block_of(split, name)}.apply"
                out.refuse(key, "pictures that are only looked at are not changed: use false")


def _check_square(block: str, out: Translation) -> None:
    height, width = (out.params[f"{block}.{side}"] for side in ("height", "width"))
    if height != width:
        out.refuse(f"{block}.width", f"inputs are square, so it must be the height, {height}")


def _translate_size(out: Translation) -> None:
    """Give resize and crop one meaning: an input of this side, cut from a larger square."""
    params = out.params
    resized = {split: params[f"{block_of(split, 'Resize')}.height"] for split in SPLITS}
    size_key, size = _side(params, "train")
    for split in SPLITS:
        keys = [f"{block_of(split, 'Resize')}.{side}" for side in ("apply", "height", "width")]
        if resized[split] != resized["train"]:
            out.refuse(keys[1], f"must be that of train_transforms, {resized['train']}")
        key, own = _side(params, split)
        if own != size:
            out.refuse(key, f"the input must be as large as in training, {size}")
        if own > resized[split]:
            out.refuse(key, f"is larger than the resized picture, {resized[split]}")
        if split != "train" and applies(params, split, "CenterCrop"):
            crop = params.below(block_of(split, "CenterCrop"))
            out.explain(crop, "the input's side, as in training")
        if split != "train":
            out.explain(keys, "the side before the crop, as in training")
    resize = params.below(block_of("train", "Resize"))
    fraction = size / resized["train"]
    out.set({"crop_fraction": fraction, "interpolation": "bilinear"}, *resize)
    out.set({"image_size_px": size}, size_key)
    norm = [block_of(split, "Normalize") for split in SPLITS]
    out.set({"normalisation": "dataset"}, *norm)


def _side(params: Params, split: str) -> tuple[str, int]:
    """Return the side of the network's input and the key it comes from: the last crop decides."""
    key = f"{block_of(split, 'Resize')}.height"
    for name in _CROPS:
        if applies(params, split, name):
            side = "size" if name == "RandomResizedCrop" else "height"
            key = f"{block_of(split, name)}.{side}"
    return key, int(params[key])


def _translate_crops(out: Translation) -> None:
    params, size = out.params, out.config["image_size_px"]
    names = [name for name in _CROPS if applies(params, "train", name)]
    middle, padded, resized = (block_of("train", name) for name in _CROPS)
    scale = None
    if "RandomResizedCrop" in names:
        scale = tuple(params[f"{resized}.scale"])
        if names == ["RandomResizedCrop"] and out.config["crop_fraction"] == 1:
            # Deviates from the original, which resizes twice.
            out.name(f"{resized}.apply", "the crop is cut from the original pixels")
    out.set({"augment.crop_scale": scale}, f"{resized}.apply", f"{resized}.scale")
    padding = None
    if "RandomCrop" in names:
        padding = max(params[f"{padded}.padding"], 0)
        if params[f"{padded}.height"] != size:
            out.refuse(f"{padded}.height", f"must be the input's side, {size}")
        out.explain([f"{padded}.p"], "read by nothing in the original")
    keys = [f"{padded}.{name}" for name in ("apply", "height", "width", "padding")]
    out.set({"augment.crop_padding_px": padding}, *keys)
    if "CenterCrop" in names and params[f"{middle}.height"] != size:
        out.refuse(f"{middle}.height", f"must be the input's side, {size}")
    # On its own, the middle is what is cut when there is no random crop.
    first = "CenterCrop" in names and len(names) > 1
    out.set({"augment.middle_first": first}, *(f"{middle}.{n}" for n in ("apply", "height")))
    out.explain([f"{middle}.width"], "the height's equal")
