"""Every image backbone the studies can name."""

from __future__ import annotations

from trainables.errors import SelectionError, did_you_mean
from trainables.models.card import RANDOM, TWIN, BackboneCard, WeightsSource
from trainables.models.catalogue import (
    biomed_clip,
    blip,
    clip,
    clip_large,
    deit,
    densenet,
    dino,
    dinov2,
    efficientnet,
    inception,
    inception_fid,
    medclip,
    pubmed_clip,
    resnet,
    sam,
    seem,
    swin,
    untrained,
    vit,
)
from trainables.outside import CardTable

__all__ = [
    "BACKBONE_CARDS",
    "RANDOM",
    "TWIN",
    "BackboneCard",
    "WeightsSource",
    "get_backbone_card",
]

_FAMILIES = (
    resnet,
    inception,
    inception_fid,
    deit,
    swin,
    clip,
    biomed_clip,
    pubmed_clip,
    dinov2,
    efficientnet,
    seem,
    sam,
    blip,
    dino,
    vit,
    clip_large,
    untrained,
    densenet,
    medclip,
)

BACKBONE_CARDS = CardTable[BackboneCard](
    (card for family in _FAMILIES for card in family.CARDS), "BACKBONE_CARDS"
)


def get_backbone_card(name: str) -> BackboneCard:
    """Return the card of an image backbone: ours, or ``BACKBONE_CARDS`` of a user's module.

    Raises:
        SelectionError: there is none of that name; the message lists the near ones.
    """
    if name not in BACKBONE_CARDS:
        raise SelectionError(f"there is no backbone '{name}'.{did_you_mean(name, BACKBONE_CARDS)}")
    return BACKBONE_CARDS[name]
