"""Swin-T, S and B and their twins."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, BackboneCard, WeightsSource

_DEPTHS_T = (2, 2, 6, 2)
_DEPTHS_SB = (2, 2, 18, 2)
_DEPTHS_TWIN = (1, 1, 2, 1)
_DEPTHS_SB_TWIN = (1, 1, 4, 1)


def _groups(depths: tuple[int, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the stem, every block, the norm; patch merging is part of the block after it."""
    blocks = []
    for stage, depth in enumerate(depths):
        for i in range(depth):
            merging = (f"layers.{stage}.downsample",) if stage and not i else ()
            blocks.append((*merging, f"layers.{stage}.blocks.{i}"))
    return (("patch_embed",), *blocks, ("norm",))


def _source(size: str) -> WeightsSource:
    return WeightsSource(
        tag="imagenet1k",
        kind="hub",
        origin=f"timm/swin_{size}_patch4_window7_224.ms_in1k",
        filename="model.safetensors",
        sha256=None,
        licence="MIT",
        trained_on="ImageNet-1k, 224 px, supervised",
        where="timm on the hub; published by the authors of Swin, v1.0.0",
    )


SWIN_T = BackboneCard(
    name="swin_t",
    title="Swin-T",
    family="swin",
    library="timm",
    architecture="swin_tiny_patch4_window7_224",
    dim=768,
    image_size_px=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bicubic",
    params_m=27.5,
    stride_px=32,
    stages=tuple(f"layers.{i}.blocks" for i in range(4)),
    stem="patch_embed.proj",
    module="trainables.models.swin_backbone",
    channels_last=True,
    # The authors' rate for this size; timm's own default is lower.
    overrides={"drop_path_rate": 0.2},
    ignored_keys=("head.fc.weight", "head.fc.bias"),
    transfer_groups=_groups(_DEPTHS_T),
    sources=(_source("tiny"),),
    default_weights="imagenet1k",
    twin="swin_t_twin",
)

SWIN_S = replace(
    SWIN_T,
    name="swin_s",
    title="Swin-S",
    architecture="swin_small_patch4_window7_224",
    params_m=48.8,
    overrides={"drop_path_rate": 0.3},
    transfer_groups=_groups(_DEPTHS_SB),
    sources=(_source("small"),),
    twin="swin_s_twin",
)

SWIN_B = replace(
    SWIN_S,
    name="swin_b",
    title="Swin-B",
    architecture="swin_base_patch4_window7_224",
    dim=1024,
    params_m=86.7,
    overrides={"drop_path_rate": 0.5},
    sources=(_source("base"),),
    twin="swin_b_twin",
)

SWIN_T_TWIN = replace(
    SWIN_T,
    name="swin_t_twin",
    title="Swin-T (twin)",
    dim=128,
    image_size_px=64,
    params_m=0.36,
    overrides={
        "embed_dim": 16,
        "depths": _DEPTHS_TWIN,
        "num_heads": (1, 2, 4, 8),
        "window_size": 4,
        "drop_path_rate": 0.0,
    },
    ignored_keys=(),
    transfer_groups=_groups(_DEPTHS_TWIN),
    sources=(),
    default_weights=TWIN,
    twin=None,
)

SWIN_S_TWIN = replace(
    SWIN_T_TWIN,
    name="swin_s_twin",
    title="Swin-S (twin)",
    params_m=0.46,
    overrides={**SWIN_T_TWIN.overrides, "depths": _DEPTHS_SB_TWIN},
    transfer_groups=_groups(_DEPTHS_SB_TWIN),
)

SWIN_B_TWIN = replace(
    SWIN_S_TWIN,
    name="swin_b_twin",
    title="Swin-B (twin)",
    dim=192,
    params_m=1.03,
    overrides={**SWIN_S_TWIN.overrides, "embed_dim": 24},
)

CARDS = (SWIN_T, SWIN_S, SWIN_B, SWIN_T_TWIN, SWIN_S_TWIN, SWIN_B_TWIN)
