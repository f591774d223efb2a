"""The axes of the paper's tables."""

from __future__ import annotations

from dataclasses import replace

from search_spaces import medical_sets
from search_spaces.study import Factor

FOUNDATION = ("sam_vit_b", "seem_focal_t", "dinov2_vit_b14", "blip_base", "openclip_vit_b16")
BASELINES = ("deit_b", "dino_vit_b16", "resnet152")
REFERENCE = "deit_b"
"""Gains are relative to it, with a linear head."""

_TITLES = {
    "sam_vit_b": "SAM ViT-B",
    "seem_focal_t": "SEEM Focal-T",
    "dinov2_vit_b14": "DINOv2 ViT-B/14",
    "blip_base": "BLIP base",
    "openclip_vit_b16": "OpenCLIP ViT-B/16",
    "deit_b": "DeiT-B/16 ImageNet-1k supervised",
    "dino_vit_b16": "DINO DeiT-B/16",
    "resnet152": "ResNet152 ImageNet-1k",
}

BACKBONE = Factor(name="backbone", levels=(*FOUNDATION, *BASELINES), titles=_TITLES)
FOUNDATION_BACKBONE = replace(BACKBONE, levels=FOUNDATION)
OTHER = Factor(name="other", levels=(*FOUNDATION, REFERENCE), titles=_TITLES)
HEAD = Factor(name="head", levels=("linear", "deit_b"), titles={"deit_b": "DeiT-B"})
TRAINING = Factor(
    name="training",
    levels=("fine_tuned", "frozen"),
    titles={"fine_tuned": "fine-tuned"},
)
DATASET = replace(medical_sets.DATASET, levels=("aptos2019", "ddsm", "isic2019", "chexpert"))
PROFILE = Factor(name="profile", levels=("paper", "clean"))
BLOCK = Factor(name="block", levels=tuple(str(k) for k in range(12)))
