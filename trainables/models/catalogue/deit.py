"""DeiT-Ti, S and B, DeiT-S cut to five blocks, and their twins."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, BackboneCard, WeightsSource

_HEAD = ("head.weight", "head.bias")
_BLOCKS = 12
_KEPT_BLOCKS = 5
_TWIN_BLOCKS = 4
_KEPT_TWIN_BLOCKS = 3


def _groups(blocks: int) -> tuple[tuple[str, ...], ...]:
    return (("patch_embed.proj",), *((f"blocks.{i}",) for i in range(blocks)), ("norm",))


def _source(size: str, authors_hash: str) -> WeightsSource:
    return WeightsSource(
        tag="imagenet1k",
        kind="hub",
        origin=f"timm/deit_{size}_patch16_224.fb_in1k",
        filename="model.safetensors",
        sha256=None,
        licence="Apache-2.0",
        trained_on="ImageNet-1k, 224 px, supervised, without distillation",
        where="timm on the hub; published by the authors of DeiT",
        authors_file=f"deit_{size}_patch16_224-{authors_hash}.pth",
        part="model",
        folder=f"deit_{size[0]}",
    )


DEIT_S = BackboneCard(
    name="deit_s",
    title="DeiT-S/16",
    family="deit",
    library="timm",
    architecture="deit_small_patch16_224",
    dim=384,
    image_size_px=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bicubic",
    params_m=21.7,
    stride_px=16,
    stages=("blocks",),
    stem="patch_embed.proj",
    module="trainables.models.deit_backbone",
    position_resize="antialiased",
    ignored_keys=_HEAD,
    transfer_groups=_groups(_BLOCKS),
    output_blocks=_BLOCKS,
    sources=(_source("small", "cd65a155"),),
    default_weights="imagenet1k",
    twin="deit_s_twin",
)

DEIT_T = replace(
    DEIT_S,
    name="deit_t",
    title="DeiT-Ti/16",
    architecture="deit_tiny_patch16_224",
    dim=192,
    params_m=5.5,
    sources=(_source("tiny", "a1311bcf"),),
    twin="deit_t_twin",
)

DEIT_B = replace(
    DEIT_S,
    name="deit_b",
    title="DeiT-B/16",
    architecture="deit_base_patch16_224",
    dim=768,
    params_m=85.8,
    sources=(_source("base", "b5f2ef4d"),),
    twin="deit_b_twin",
)

DEIT_S5 = replace(
    DEIT_S,
    name="deit_s5",
    title="DeiT-S/16, first five blocks",
    params_m=9.2,
    overrides={"depth": _KEPT_BLOCKS},
    # The file is that of the whole DeiT-S; the final norm is kept.
    ignored_keys=(*_HEAD, *(f"blocks.{i}." for i in range(_KEPT_BLOCKS, _BLOCKS))),
    transfer_groups=_groups(_KEPT_BLOCKS),
    output_blocks=_KEPT_BLOCKS,
    twin="deit_s5_twin",
)

DEIT_S_TWIN = replace(
    DEIT_S,
    name="deit_s_twin",
    title="DeiT-S/16 (twin)",
    dim=96,
    image_size_px=64,
    params_m=0.47,
    stride_px=8,
    ignored_keys=(),
    overrides={"patch_size": 8, "embed_dim": 96, "depth": _TWIN_BLOCKS, "num_heads": 3},
    transfer_groups=_groups(_TWIN_BLOCKS),
    output_blocks=_TWIN_BLOCKS,
    sources=(),
    default_weights=TWIN,
    twin=None,
)

DEIT_T_TWIN = replace(
    DEIT_S_TWIN,
    name="deit_t_twin",
    title="DeiT-Ti/16 (twin)",
    dim=48,
    params_m=0.13,
    overrides={"patch_size": 8, "embed_dim": 48, "depth": _TWIN_BLOCKS, "num_heads": 3},
)

DEIT_B_TWIN = replace(
    DEIT_S_TWIN,
    name="deit_b_twin",
    title="DeiT-B/16 (twin)",
    dim=144,
    params_m=1.04,
    overrides={"patch_size": 8, "embed_dim": 144, "depth": _TWIN_BLOCKS, "num_heads": 3},
)

DEIT_S5_TWIN = replace(
    DEIT_S_TWIN,
    name="deit_s5_twin",
    title="DeiT-S/16, first blocks (twin)",
    params_m=0.36,
    overrides={"patch_size": 8, "embed_dim": 96, "depth": _KEPT_TWIN_BLOCKS, "num_heads": 3},
    transfer_groups=_groups(_KEPT_TWIN_BLOCKS),
    output_blocks=_KEPT_TWIN_BLOCKS,
)

CARDS = (
    DEIT_S,
    DEIT_T,
    DEIT_B,
    DEIT_S5,
    DEIT_S_TWIN,
    DEIT_T_TWIN,
    DEIT_B_TWIN,
    DEIT_S5_TWIN,
)
