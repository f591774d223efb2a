"""Which image cards share a space with texts. No torch here."""

from __future__ import annotations

from trainables.models.card import BackboneCard

_CLIP = "trainables.models.open_clip_backbone"
_BIOMED_CLIP = "trainables.models.biomed_clip_backbone"


def has_clip_text(card: BackboneCard) -> bool:
    """Whether the card's weights hold a text tower of CLIP's kind beside the image tower."""
    return card.module == _CLIP


def has_projection(card: BackboneCard) -> bool:
    """Whether the image tower ends in a projection into a space shared with texts."""
    return card.module in (_CLIP, _BIOMED_CLIP)
