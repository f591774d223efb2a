"""The image tower of BLIP ViT-B, in two readings of its pooled feature, and their twins."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import TWIN, BackboneCard, WeightsSource

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
_RELEASED_MODULE = "trainables.models.blip_released_backbone"

BLIP_BASE = BackboneCard(
    name="blip_base",
    title="BLIP ViT-B/16",
    family="blip",
    library="timm",
    architecture="vit_base_patch16_224",
    dim=768,
    image_size_px=224,
    mean=_MEAN,
    std=_STD,
    interpolation="bicubic",
    params_m=85.8,
    stride_px=16,
    stages=("blocks",),
    stem="patch_embed.proj",
    module="trainables.models.blip_backbone",
    position_resize="antialiased",
    output_blocks=12,
    sources=(
        WeightsSource(
            tag="pretrain_129m",
            kind="file",
            origin="",
            # Not model_base_capfilt_large.pth, which captioning models on the hub start from.
            filename="model_base.pth",
            sha256=None,
            licence="BSD-3-Clause",
            trained_on="129 million picture-text pairs, 224 px, without CapFilt-L",
            where="pre-trained checkpoints (129M, ViT-B) of salesforce/BLIP on GitHub",
            part="model",
            # The file is that of the whole model, with its text encoder and its momentum copies.
            prefix="visual_encoder.",
            folder="blip_base",
        ),
    ),
    default_weights="pretrain_129m",
    twin="blip_base_twin",
)

BLIP_BASE_RELEASED = replace(
    BLIP_BASE,
    name="blip_base_released",
    title="BLIP ViT-B/16, top left patch as pooled feature",
    module=_RELEASED_MODULE,
    twin="blip_base_released_twin",
)

BLIP_BASE_TWIN = replace(
    BLIP_BASE,
    name="blip_base_twin",
    title="BLIP ViT-B/16 (twin)",
    dim=96,
    image_size_px=64,
    params_m=0.47,
    stride_px=8,
    output_blocks=4,
    overrides={"patch_size": 8, "embed_dim": 96, "depth": 4, "num_heads": 3},
    sources=(),
    default_weights=TWIN,
    twin=None,
)

BLIP_BASE_RELEASED_TWIN = replace(
    BLIP_BASE_TWIN,
    name="blip_base_released_twin",
    title="BLIP ViT-B/16, top left patch as pooled feature (twin)",
    module=_RELEASED_MODULE,
)

CARDS = (BLIP_BASE, BLIP_BASE_RELEASED, BLIP_BASE_TWIN, BLIP_BASE_RELEASED_TWIN)
