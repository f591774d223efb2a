"""Classifiers of every family whose layers are defined, small or without storage."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import timm
import torch

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.backbone import Backbone
from trainables.models.cards import BackboneCard, get_backbone_card
from trainables.models.factory import create_backbone
from trainables.models.heads import Classifier, LinearHead
from trainables.models.seeding import seeded
from trainables.models.timm_backbone import TimmBackbone

TWINS = (
    "resnet50_twin",
    "efficientnet_lite0_twin",
    "deit_s_twin",
    "dinov2_vit_b14_twin",
    "clip_vit_b16_twin",
)
SMALL = (*TWINS, "swin", "inception")
CLASSES = 3

_RESNET = get_backbone_card("resnet50")
_DEIT = get_backbone_card("deit_s")
_SWIN = dataclasses.replace(
    _DEIT,
    name="swin_t",
    family="swin",
    architecture="swin_tiny_patch4_window7_224",
    dim=768,
    module="trainables.models.timm_backbone",
    position_resize=None,
)
_INCEPTION = dataclasses.replace(
    _RESNET,
    name="inception_v3",
    family="inception",
    architecture="inception_v3",
    stem="Conv2d_1a_3x3.conv",
    overrides={},
)
FULL = {card.name: card for card in (_RESNET, _INCEPTION, _DEIT, _SWIN)}

_SMALL_SWIN = {
    "img_size": 32,
    "window_size": 4,
    "embed_dim": 12,
    "depths": (1, 2),
    "num_heads": (1, 2),
}


def weightless(card: BackboneCard) -> Backbone:
    """Build a card's architecture without memory for its weights."""
    loader = importlib.import_module(card.module)
    with torch.device("meta"):
        return loader.build(card, card.image_size_px)


def small_classifier(name: str, locations: Locations, seed: int = 0) -> Classifier:
    """Build a classifier to run, in evaluation mode."""
    if name in TWINS:
        backbone = create_backbone(BackboneRef(card=name, weights="random"), locations, seed)
    elif name == "swin":
        backbone = _drawn(_SWIN, 24, 32, seed, **_SMALL_SWIN)
    else:
        backbone = _drawn(_INCEPTION, 2048, 75, seed)
    return Classifier(backbone, LinearHead(backbone.dim, CLASSES, seed)).eval()


def pictures(model: Classifier, n: int, seed: int = 0) -> torch.Tensor:
    """Draw normalised pictures of the model's size."""
    side = model.backbone.image_size_px
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def _drawn(card: BackboneCard, dim: int, side: int, seed: int, **arguments: Any) -> Backbone:
    with seeded(seed):
        trunk = timm.create_model(card.architecture, num_classes=0, **arguments)
    return TimmBackbone(dataclasses.replace(card, dim=dim), trunk, side)
