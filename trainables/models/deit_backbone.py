"""DeiT as its authors start it; otherwise timm's."""

from __future__ import annotations

from torch import nn

from trainables.models import timm_backbone
from trainables.models.backbone import Backbone
from trainables.models.card import BackboneCard
from trainables.models.timm_backbone import load

__all__ = ["build", "load"]

_CLASS_TOKEN_STD = 0.02


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    backbone = timm_backbone.build(card, image_size_px)
    # timm draws the class token, alone of all, with a standard deviation of 1e-6.
    nn.init.trunc_normal_(backbone.trunk.cls_token, std=_CLASS_TOKEN_STD)
    return backbone
