"""The transform blocks of a ``params.json`` and what each may hold."""

from __future__ import annotations

from orchestrator.import_params.keys import Key
from orchestrator.import_params.params import Params

_APPLY = Key(kind="boolean", required=True)
_SIDE = Key(kind="whole number", required=True, least=1)
_P = Key(kind="number", required=True, least=0, most=1)
_ANY_P = Key(kind="number", least=0, most=1)
_POSITIVE = Key(kind="number", required=True, least=0)
_PAIR = Key(kind="pair of numbers", required=True, least=0)

BLOCKS: dict[str, dict[str, Key]] = {
    "Resize": {"apply": _APPLY, "height": _SIDE, "width": _SIDE},
    "CenterCrop": {"apply": _APPLY, "height": _SIDE, "width": _SIDE},
    "Normalize": {"": Key(kind="boolean", required=True)},
    "VerticalFlip": {"apply": _APPLY, "p": _P},
    "HorizontalFlip": {"apply": _APPLY, "p": _P},
    "RandomRotation": {
        "apply": _APPLY,
        "angle": Key(kind="number", required=True, least=0, most=180),
        "p": _P,
    },
    "RandomGrayscale": {"apply": _APPLY, "p": _P},
    "RandomCrop": {
        "apply": _APPLY,
        "height": _SIDE,
        "width": _SIDE,
        "padding": Key(kind="whole number", required=True),
        "p": _ANY_P,
    },
    "ColorJitter": {
        "apply": _APPLY,
        "brightness": Key(kind="number", required=True, least=0, most=1),
        "contrast": Key(kind="number", required=True, least=0, most=1),
        "saturation": Key(kind="number", required=True, least=0, most=1),
        "hue": Key(kind="number", required=True, least=0, most=0.5),
        "p": _P,
    },
    "RandomPerspective": {
        "apply": _APPLY,
        "distortion_scale": Key(kind="number", required=True, least=0, most=1),
        "p": _P,
    },
    "RandomAffine": {
        "apply": _APPLY,
        "degrees": Key(kind="number", required=True, least=0, most=180),
        "translate": Key(kind="pair of numbers", required=True, least=0, most=1),
        "scale": _PAIR,
        "shear": Key(kind="number", required=True, least=0, most=89),
        "p": _P,
    },
    "RandomErasing": {
        "apply": _APPLY,
        "scale": Key(kind="pair of numbers", required=True, least=0, most=1),
        "ratio": _PAIR,
        "value": Key(kind="number", required=True),
        "p": _P,
    },
    "RandomGaussianBlur": {
        "apply": _APPLY,
        "radius_min": _POSITIVE,
        "radius_max": _POSITIVE,
        "p": _P,
    },
    "RandomSolarize": {
        "apply": _APPLY,
        "threshold": Key(kind="number", required=True, least=0, most=255),
        "p": _P,
    },
    "RandomResizedCrop": {"apply": _APPLY, "size": _SIDE, "scale": _PAIR},
    "MultiCrop": {
        "apply": _APPLY,
        "n_crops": Key(kind="list of whole numbers"),
        "sizes": Key(kind="list of whole numbers"),
        "scales": Key(kind="list of pairs"),
    },
}
"""Block -> argument -> key; 'Normalize' is a flag itself. A block that is absent is off."""


def block_of(split: str, name: str) -> str:
    """Return the key of a transform block."""
    return f"dataset_params.{split}_transforms.{name}"


def applies(params: Params, split: str, name: str) -> bool:
    """Return whether a block is there and switched on."""
    switched = bool(params.get(f"{block_of(split, name)}.apply", False))
    crowded = name == "RandomResizedCrop" and applies(params, split, "MultiCrop")
    return switched and not crowded
