"""CLIP ViT-L/14: by OpenAI, by OpenCLIP (LAION-2B), tuned on medical pictures; and their twins."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import SETTINGS, WeightsSource
from trainables.models.catalogue.clip import CLIP_MEAN, CLIP_STD, CLIP_VIT_B16, CLIP_VIT_B16_TWIN

_HALF = (0.5, 0.5, 0.5)

CLIP_VIT_L14 = replace(
    CLIP_VIT_B16,
    name="clip_vit_l14",
    title="CLIP ViT-L/14",
    # OpenAI trained with QuickGELU, as of ViT-B/16.
    architecture="ViT-L-14-quickgelu",
    dim=768,
    params_m=304.0,
    stride_px=14,
    output_blocks=24,
    sources=(
        WeightsSource(
            tag="openai",
            kind="hub",
            origin="timm/vit_large_patch14_clip_224.openai",
            filename="open_clip_model.safetensors",
            sha256=None,
            licence="MIT",
            trained_on="WIT, 400 million picture-text pairs, 224 px, contrastive",
            where="timm on the hub, in open_clip's layout; published by OpenAI",
        ),
    ),
    twin="clip_vit_l14_twin",
)

OPENCLIP_VIT_L14 = replace(
    CLIP_VIT_L14,
    name="openclip_vit_l14",
    title="OpenCLIP ViT-L/14",
    architecture="ViT-L-14",
    # The one LAION-2B file that open_clip registers with these, and not with OpenAI's.
    mean=_HALF,
    std=_HALF,
    sources=(
        WeightsSource(
            tag="laion2b_s32b_b82k",
            kind="hub",
            origin="laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
            filename="open_clip_model.safetensors",
            sha256=None,
            licence="MIT",
            trained_on="LAION-2B, English, 32 billion samples, 224 px, contrastive",
            where="LAION on the hub, in open_clip's layout",
            authors_file="open_clip_pytorch_model.bin",
        ),
    ),
    default_weights="laion2b_s32b_b82k",
    twin="openclip_vit_l14_twin",
)


def _tuned(tag: str, origin: str, licence: str, trained_on: str) -> tuple[WeightsSource]:
    return (
        WeightsSource(
            tag=tag,
            kind="hub",
            origin=origin,
            filename="open_clip_pytorch_model.bin",
            sha256=None,
            licence=licence,
            trained_on=trained_on,
            where=f"{origin} on the hub: open_clip_pytorch_model.bin and {SETTINGS}",
            authors_file="open_clip_model.safetensors",
        ),
    )


WHYLESIONCLIP = replace(
    OPENCLIP_VIT_L14,
    name="whylesionclip",
    title="WhyLesionCLIP ViT-L/14",
    sources=_tuned(
        "isic",
        "yyupenn/whylesionclip",
        "MIT",
        "56,590 pictures of ISIC and findings by a language model, from OpenCLIP's LAION-2B",
    ),
    default_weights="isic",
    twin="whyclip_twin",
    companions=(SETTINGS,),
)

WHYXRAYCLIP = replace(
    OPENCLIP_VIT_L14,
    name="whyxrayclip",
    title="WhyXrayCLIP ViT-L/14",
    sources=_tuned(
        "mimic_cxr",
        "yyupenn/whyxrayclip",
        "MIT",
        "243,334 radiographs of MIMIC-CXR and findings of their reports, from OpenCLIP's LAION-2B",
    ),
    default_weights="mimic_cxr",
    twin="whyclip_twin",
    companions=(SETTINGS,),
)

PMC_CLIP = replace(
    CLIP_VIT_L14,
    name="pmc_clip",
    title="CLIP ViT-L/14 on PMC-OA and ROCO",
    architecture="ViT-L-14",
    sources=_tuned(
        "pmc_oa_roco",
        "ryanyip7777/pmc_vit_l_14",
        "see the hub",
        "figures of PMC-OA and ROCO and captions, from OpenAI's CLIP; not the model of that paper",
    ),
    default_weights="pmc_oa_roco",
    twin="pmc_clip_twin",
    companions=(SETTINGS,),
)

CLIP_VIT_L14_TWIN = replace(
    CLIP_VIT_B16_TWIN,
    name="clip_vit_l14_twin",
    title="CLIP ViT-L/14 (twin)",
    architecture="ViT-L-14-quickgelu",
)
OPENCLIP_VIT_L14_TWIN = replace(
    CLIP_VIT_L14_TWIN,
    name="openclip_vit_l14_twin",
    title="OpenCLIP ViT-L/14 (twin)",
    architecture="ViT-L-14",
    mean=_HALF,
    std=_HALF,
)
WHYCLIP_TWIN = replace(
    OPENCLIP_VIT_L14_TWIN, name="whyclip_twin", title="WhyLesionCLIP and WhyXrayCLIP (twin)"
)
PMC_CLIP_TWIN = replace(
    OPENCLIP_VIT_L14_TWIN,
    name="pmc_clip_twin",
    title="CLIP ViT-L/14 on PMC-OA and ROCO (twin)",
    mean=CLIP_MEAN,
    std=CLIP_STD,
)

CARDS = (
    CLIP_VIT_L14,
    OPENCLIP_VIT_L14,
    WHYLESIONCLIP,
    WHYXRAYCLIP,
    PMC_CLIP,
    CLIP_VIT_L14_TWIN,
    OPENCLIP_VIT_L14_TWIN,
    WHYCLIP_TWIN,
    PMC_CLIP_TWIN,
)
