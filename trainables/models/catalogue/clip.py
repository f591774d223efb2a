"""The image towers of CLIP ViT-B/16 by OpenAI and by OpenCLIP (LAION-2B), and their twins."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import TWIN, BackboneCard, WeightsSource

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_STEM = "conv1"
_STAGES = ("transformer.resblocks",)
_TEXT_TOWER = (
    "transformer.",
    "token_embedding.",
    "ln_final.",
    "positional_embedding",
    "text_projection",
    "logit_scale",
    # Of a fork of OpenAI's code (Baliah et al., MLMI 2023), where nothing reads it.
    "prompts",
)

CLIP_VIT_B16 = BackboneCard(
    name="clip_vit_b16",
    title="CLIP ViT-B/16",
    family="clip",
    library="open_clip",
    # OpenAI trained with QuickGELU; the name without the suffix builds plain GELU, which loads
    # the same file and gives wrong features.
    architecture="ViT-B-16-quickgelu",
    dim=512,
    image_size_px=224,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    interpolation="bicubic",
    params_m=86.2,
    stride_px=16,
    stages=_STAGES,
    stem=_STEM,
    module="trainables.models.open_clip_backbone",
    position_resize="antialiased",
    ignored_keys=_TEXT_TOWER,
    output_blocks=12,
    sources=(
        WeightsSource(
            tag="openai",
            kind="hub",
            origin="timm/vit_base_patch16_clip_224.openai",
            filename="open_clip_model.safetensors",
            sha256=None,
            licence="MIT",
            trained_on="WIT, 400 million picture-text pairs, 224 px, contrastive",
            where="timm on the hub, in open_clip's layout; published by OpenAI",
        ),
    ),
    default_weights="openai",
    twin="clip_vit_b16_twin",
)

CLIP_VIT_B16_TWIN = BackboneCard(
    name="clip_vit_b16_twin",
    title="CLIP ViT-B/16 (twin)",
    family="clip",
    library="open_clip",
    architecture="ViT-B-16-quickgelu",
    dim=64,
    image_size_px=64,
    mean=CLIP_MEAN,
    std=CLIP_STD,
    interpolation="bicubic",
    params_m=0.37,
    stride_px=8,
    stages=_STAGES,
    stem=_STEM,
    module="trainables.models.open_clip_backbone",
    position_resize="antialiased",
    ignored_keys=_TEXT_TOWER,
    output_blocks=3,
    overrides={
        "embed_dim": 64,
        "vision_cfg": {
            "image_size": 64,
            "patch_size": 8,
            "width": 96,
            "layers": 3,
            "head_width": 32,
        },
        "text_cfg": {"width": 64, "heads": 2, "layers": 2, "context_length": 32},
    },
    default_weights=TWIN,
)

OPENCLIP_VIT_B16 = replace(
    CLIP_VIT_B16,
    name="openclip_vit_b16",
    title="OpenCLIP ViT-B/16",
    # LAION-2B was trained with plain GELU.
    architecture="ViT-B-16",
    sources=(
        WeightsSource(
            tag="laion2b_s34b_b88k",
            kind="hub",
            origin="laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
            filename="open_clip_model.safetensors",
            sha256=None,
            licence="MIT",
            trained_on="LAION-2B, English, 34 billion samples, 224 px, contrastive",
            where="LAION on the hub, in open_clip's layout",
            authors_file="open_clip_pytorch_model.bin",
        ),
    ),
    default_weights="laion2b_s34b_b88k",
    twin="openclip_vit_b16_twin",
)

OPENCLIP_VIT_B16_TWIN = replace(
    CLIP_VIT_B16_TWIN,
    name="openclip_vit_b16_twin",
    title="OpenCLIP ViT-B/16 (twin)",
    architecture="ViT-B-16",
)

CARDS = (CLIP_VIT_B16, CLIP_VIT_B16_TWIN, OPENCLIP_VIT_B16, OPENCLIP_VIT_B16_TWIN)
