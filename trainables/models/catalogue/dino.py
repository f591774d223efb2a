"""DINO ViT-B/16: the architecture of DeiT-B with self-supervised weights, and its twin."""

from __future__ import annotations

from dataclasses import replace

from trainables.models.card import WeightsSource
from trainables.models.catalogue.deit import DEIT_B, DEIT_B_TWIN

DINO_VIT_B16 = replace(
    DEIT_B,
    name="dino_vit_b16",
    title="DINO ViT-B/16",
    sources=(
        WeightsSource(
            tag="dino",
            kind="hub",
            origin="timm/vit_base_patch16_224.dino",
            filename="model.safetensors",
            sha256=None,
            licence="Apache-2.0",
            trained_on="ImageNet-1k, 224 px, self-supervised",
            where="timm on the hub; published by facebookresearch/dino (ViT-B/16, backbone only)",
            authors_file="dino_vitbase16_pretrain.pth",
        ),
    ),
    default_weights="dino",
    twin="dino_vit_b16_twin",
)

DINO_VIT_B16_TWIN = replace(
    DEIT_B_TWIN,
    name="dino_vit_b16_twin",
    title="DINO ViT-B/16 (twin)",
)

CARDS = (DINO_VIT_B16, DINO_VIT_B16_TWIN)
