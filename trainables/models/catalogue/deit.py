"""DeiT-S and its twin."""

from __future__ import annotations

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, BackboneCard, WeightsSource

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
    module="trainables.models.timm_backbone",
    position_resize="antialiased",
    ignored_keys=("head.weight", "head.bias"),
    sources=(
        WeightsSource(
            tag="imagenet1k",
            kind="hub",
            origin="timm/deit_small_patch16_224.fb_in1k",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="ImageNet-1k, 224 px, supervised, without distillation",
            where="timm on the hub; published by the authors of DeiT",
        ),
    ),
    default_weights="imagenet1k",
    twin="deit_s_twin",
)

DEIT_S_TWIN = BackboneCard(
    name="deit_s_twin",
    title="DeiT-S/16 (twin)",
    family="deit",
    library="timm",
    architecture="deit_small_patch16_224",
    dim=96,
    image_size_px=64,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bicubic",
    params_m=0.47,
    stride_px=8,
    stages=("blocks",),
    stem="patch_embed.proj",
    module="trainables.models.timm_backbone",
    position_resize="antialiased",
    overrides={"patch_size": 8, "embed_dim": 96, "depth": 4, "num_heads": 3},
    default_weights=TWIN,
)

CARDS = (DEIT_S, DEIT_S_TWIN)
