"""Every segmentation network the studies can name. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trainables.errors import SelectionError, did_you_mean
from trainables.models.catalogue import biomed_clipseg, clipseg, cris, segmentation_cnn
from trainables.models.segmenter_card import SegmenterCard

__all__ = ["SEGMENTER_CARDS", "SegmenterCard", "get_segmenter_card"]

_FAMILIES = (clipseg, biomed_clipseg, cris, segmentation_cnn)

SEGMENTER_CARDS: Mapping[str, SegmenterCard] = MappingProxyType(
    {card.name: card for family in _FAMILIES for card in family.CARDS}
)


def get_segmenter_card(name: str) -> SegmenterCard:
    """Return the card of a segmentation network.

    Raises:
        SelectionError: there is none of that name; the message lists the near ones.
    """
    if name not in SEGMENTER_CARDS:
        raise SelectionError(
            f"there is no segmenter '{name}'.{did_you_mean(name, SEGMENTER_CARDS)}"
        )
    return SEGMENTER_CARDS[name]
