"""The image tower of BiomedCLIP (Zhang et al. 2023), and its twin."""

from __future__ import annotations

from trainables.models.card import TWIN, BackboneCard, WeightsSource
from trainables.models.catalogue.clip import CLIP_MEAN, CLIP_STD

BIOMED_CLIP = BackboneCard(
    name="biomed_clip",
    title="BiomedCLIP ViT-B/16",
    family="clip",
    library="timm",
    architecture="vit_base_patch16_224",
    dim=512,
    image_size_px=224,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    interpolation="bicubic",
    params_m=86.2,
    stride_px=16,
    stages=("trunk.blocks",),
    stem="trunk.patch_embed.proj",
    module="trainables.models.biomed_clip_backbone",
    position_resize="antialiased",
    output_blocks=12,
    sources=(
        WeightsSource(
            tag="pmc15m",
            kind="hub",
            origin="microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
            filename="open_clip_pytorch_model.bin",
            sha256=None,
            licence="MIT",
            trained_on="PMC-15M, pictures and captions of PubMed Central, 224 px, contrastive",
            where="Microsoft on the hub, in open_clip's layout",
            prefix="visual.",
        ),
    ),
    default_weights="pmc15m",
    twin="biomed_clip_twin",
)

BIOMED_CLIP_TWIN = BackboneCard(
    name="biomed_clip_twin",
    title="BiomedCLIP ViT-B/16 (twin)",
    family="clip",
    library="timm",
    architecture="vit_base_patch16_224",
    dim=64,
    image_size_px=64,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    interpolation="bicubic",
    params_m=0.37,
    stride_px=8,
    stages=("trunk.blocks",),
    stem="trunk.patch_embed.proj",
    module="trainables.models.biomed_clip_backbone",
    position_resize="antialiased",
    output_blocks=3,
    overrides={"patch_size": 8, "embed_dim": 96, "depth": 3, "num_heads": 3},
    default_weights=TWIN,
)

CARDS = (BIOMED_CLIP, BIOMED_CLIP_TWIN)
