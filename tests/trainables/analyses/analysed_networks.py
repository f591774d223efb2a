"""Classifiers of every family whose layers are defined, small or without storage."""

from __future__ import annotations

import importlib
from typing import cast

import torch

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.backbone import Backbone
from trainables.models.cards import BackboneCard
from trainables.models.factory import Loader, create_backbone
from trainables.models.heads import Classifier, LinearHead

SMALL = (
    "resnet50_twin",
    "efficientnet_lite0_twin",
    "inception_v3_twin",
    "deit_s_twin",
    "dinov2_vit_b14_twin",
    "dinov2_vit_s14_twin",
    "clip_vit_b16_twin",
    "swin_t_twin",
    "blip_base_twin",
    "sam_vit_b_twin",
)
CLASSES = 3


def weightless(card: BackboneCard) -> Backbone:
    """Build a card's architecture without memory for its weights."""
    loader = cast(Loader, importlib.import_module(card.module))
    with torch.device("meta"):
        return loader.build(card, card.image_size_px)


def small_classifier(name: str, locations: Locations, seed: int = 0) -> Classifier:
    """Build a classifier to run, in evaluation mode."""
    backbone = create_backbone(BackboneRef(card=name, weights="random"), locations, seed)
    return Classifier(backbone, LinearHead(backbone.dim, CLASSES, seed)).eval()


def pictures(model: Classifier, n: int, seed: int = 0) -> torch.Tensor:
    """Draw normalised pictures of the model's size."""
    side = model.backbone.image_size_px
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))
