"""BLIP's image tower as the code of Palés Huix et al. (2024) reads it.

Its linear head reads the token after the class token, which is the patch in the top left corner.
"""

from __future__ import annotations

from trainables.models import blip_backbone
from trainables.models.backbone import Backbone
from trainables.models.blip_backbone import BlipBackbone, load
from trainables.models.card import BackboneCard

__all__ = ["build", "load"]

_TOP_LEFT_PATCH = 1


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    trunk = blip_backbone.build(card, image_size_px).trunk
    return BlipBackbone(card, trunk, image_size_px, pooled_token=_TOP_LEFT_PATCH)
