"""Inception-v3 without its auxiliary classifier, and its twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import TWIN, BackboneCard, WeightsSource

# These weights expect pictures in [-1, 1].
_HALF = (0.5, 0.5, 0.5)

_MIXED = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")


def _mixed(stage: str) -> tuple[str, ...]:
    return tuple(f"Mixed_{name}" for name in _MIXED if name.startswith(stage))


INCEPTION_V3 = BackboneCard(
    name="inception_v3",
    title="Inception-v3",
    family="inception",
    library="timm",
    architecture="inception_v3",
    dim=2048,
    # Trained at 299 px; studies use it at 224, as Matsoukas et al. (2022) did.
    image_size_px=224,
    mean=_HALF,
    std=_HALF,
    interpolation="bicubic",
    params_m=21.8,
    stride_px=32,
    # Its convolutions do not pad, so a single place needs this much.
    min_size_px=75,
    stages=_mixed(""),
    stem="Conv2d_1a_3x3.conv",
    module="trainables.models.inception_backbone",
    ignored_keys=("fc.weight", "fc.bias", "AuxLogits."),
    transfer_groups=(
        ("Conv2d_1a_3x3",),
        ("Conv2d_2a_3x3", "Conv2d_2b_3x3"),
        ("Conv2d_3b_1x1",),
        ("Conv2d_4a_3x3",),
        _mixed("5"),
        _mixed("6"),
        _mixed("7"),
    ),
    sources=(
        WeightsSource(
            tag="imagenet1k",
            kind="hub",
            origin="timm/inception_v3.tv_in1k",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="ImageNet-1k, 299 px, supervised",
            where="timm on the hub; Google's weights, IMAGENET1K_V1 in torchvision",
        ),
    ),
    default_weights="imagenet1k",
    twin="inception_v3_twin",
)

INCEPTION_V3_TWIN = replace(
    INCEPTION_V3,
    name="inception_v3_twin",
    title="Inception-v3 (twin)",
    dim=256,
    image_size_px=75,
    params_m=0.34,
    # Every convolution with an eighth of its channels.
    overrides={"width_divisor": 8},
    ignored_keys=(),
    sources=(),
    default_weights=TWIN,
    twin=None,
)

CARDS = (INCEPTION_V3, INCEPTION_V3_TWIN)
