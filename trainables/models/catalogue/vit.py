"""ViT-B/16 trained on ImageNet-21k, and its twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import WeightsSource
from trainables.models.catalogue.deit import DEIT_B, DEIT_B_TWIN

_HALF = (0.5, 0.5, 0.5)

VIT_B16_IN21K = replace(
    DEIT_B,
    name="vit_b16_in21k",
    title="ViT-B/16 ImageNet-21k",
    architecture="vit_base_patch16_224",
    mean=_HALF,
    std=_HALF,
    sources=(
        WeightsSource(
            tag="augreg_in21k",
            kind="hub",
            origin="timm/vit_base_patch16_224.augreg_in21k",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="ImageNet-21k, 224 px, supervised",
            where="timm on the hub; published by google-research/vision_transformer",
        ),
    ),
    default_weights="augreg_in21k",
    twin="vit_b16_in21k_twin",
)

VIT_B16_IN21K_TWIN = replace(
    DEIT_B_TWIN,
    name="vit_b16_in21k_twin",
    title="ViT-B/16 ImageNet-21k (twin)",
    mean=_HALF,
    std=_HALF,
)

CARDS = (VIT_B16_IN21K, VIT_B16_IN21K_TWIN)
