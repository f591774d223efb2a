"""The image encoder of SAM ViT-B without its neck, and its twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import IMAGENET_MEAN, IMAGENET_STD, TWIN, BackboneCard, WeightsSource

SAM_VIT_B = BackboneCard(
    name="sam_vit_b",
    title="SAM ViT-B",
    family="sam",
    library="timm",
    architecture="samvit_base_patch16",
    dim=768,
    # Trained at 1024 px; at 224 a window is as large as the whole grid.
    image_size_px=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    interpolation="bilinear",
    params_m=85.8,
    stride_px=16,
    stages=("blocks",),
    stem="patch_embed.proj",
    module="trainables.models.sam_backbone",
    position_resize="antialiased",
    channels_last=True,
    ignored_keys=("neck.",),
    output_blocks=12,
    sources=(
        WeightsSource(
            tag="sa1b",
            kind="file",
            origin="",
            filename="sam_vit_b_01ec64.pth",
            sha256=None,
            licence="Apache-2.0",
            trained_on="SA-1B, 1024 px, promptable segmentation",
            where="model checkpoints (vit_b) of facebookresearch/segment-anything on GitHub",
            prefix="image_encoder.",
        ),
    ),
    default_weights="sa1b",
    twin="sam_vit_b_twin",
)

SAM_VIT_B_TWIN = replace(
    SAM_VIT_B,
    name="sam_vit_b_twin",
    title="SAM ViT-B (twin)",
    dim=96,
    image_size_px=64,
    params_m=0.48,
    stride_px=8,
    ignored_keys=(),
    output_blocks=4,
    overrides={
        "patch_size": 8,
        "embed_dim": 96,
        "depth": 4,
        "num_heads": 3,
        "window_size": 8,
        "global_attn_indexes": (1, 3),
    },
    sources=(),
    default_weights=TWIN,
    twin=None,
)

CARDS = (SAM_VIT_B, SAM_VIT_B_TWIN)
