"""PubMedCLIP (Eslami et al., EACL Findings 2023): CLIP ViT-B/32 tuned on ROCO, and its twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import WeightsSource
from trainables.models.catalogue.clip import CLIP_VIT_B16, CLIP_VIT_B16_TWIN

PUBMED_CLIP = replace(
    CLIP_VIT_B16,
    name="pubmed_clip",
    title="PubMedCLIP ViT-B/32",
    # It started from OpenAI's weights, hence QuickGELU.
    architecture="ViT-B-32-quickgelu",
    params_m=87.8,
    stride_px=32,
    sources=(
        WeightsSource(
            tag="roco",
            kind="hub",
            origin="flaviagiammarino/pubmed-clip-vit-base-patch32",
            filename="pytorch_model.bin",
            sha256=None,
            licence="MIT",
            trained_on="ROCO, 80 thousand radiology pictures and captions, from OpenAI's CLIP",
            where="flaviagiammarino on the hub, in transformers' layout, after the authors' file",
        ),
    ),
    default_weights="roco",
    twin="pubmed_clip_twin",
)

PUBMED_CLIP_TWIN = replace(
    CLIP_VIT_B16_TWIN,
    name="pubmed_clip_twin",
    title="PubMedCLIP ViT-B/32 (twin)",
    architecture="ViT-B-32-quickgelu",
    params_m=0.42,
    stride_px=16,
    overrides={
        **CLIP_VIT_B16_TWIN.overrides,
        "vision_cfg": {**CLIP_VIT_B16_TWIN.overrides["vision_cfg"], "patch_size": 16},
    },
)

CARDS = (PUBMED_CLIP, PUBMED_CLIP_TWIN)
