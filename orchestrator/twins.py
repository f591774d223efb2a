"""Swaps the data sets and backbones of a config for their built-in stand-ins (``--twin``)."""

from __future__ import annotations

import dataclasses
from typing import Any

from trainables.config import BackboneRef, DataRef, replace_refs
from trainables.data.cards import get_data_card
from trainables.errors import DatasetError
from trainables.models.card import RANDOM, TWIN
from trainables.models.cards import get_backbone_card
from trainables.models.segmenter_cards import SEGMENTER_CARDS
from trainables.models.text_cards import TEXT_CARDS


def on_twins(config: Any) -> Any:
    """Return the config with every reference swapped for that of the card's twin.

    What has no twin of a backbone stays as it is.

    Raises:
        DatasetError: a data set of real pictures has no twin.
    """
    return replace_refs(config, _twin_data, twin_backbone)


def _twin_data(ref: DataRef) -> DataRef:
    card = get_data_card(ref.name)
    if card.kind == "synthetic":
        return ref
    if card.twin is None:
        raise DatasetError(f"data set '{ref.name}' has no twin, so it is left out with --twin")
    return dataclasses.replace(ref, name=card.twin)


def twin_backbone(ref: BackboneRef) -> BackboneRef:
    """Return the twin of a backbone, text encoder or segmenter.

    Levels and blocks are mapped by depth.
    """
    if ref.card in TEXT_CARDS:
        text_twin = TEXT_CARDS[ref.card].twin
        return ref if text_twin is None else BackboneRef(card=text_twin, weights=TWIN)
    if ref.card in SEGMENTER_CARDS:
        return _twin_segmenter(ref)
    card = get_backbone_card(ref.card)
    if card.twin is None:
        return ref
    twin = get_backbone_card(card.twin)
    level, block = ref.transfer_level, ref.output_block
    return BackboneRef(
        card=card.twin,
        weights="random" if ref.weights == "random" else "twin",
        transfer_level=None if level is None else card.twin_level(level, twin),
        output_block=None if block is None else card.twin_output_block(block, twin),
    )


def _twin_segmenter(ref: BackboneRef) -> BackboneRef:
    card = SEGMENTER_CARDS[ref.card]
    if card.twin is None:
        return ref
    return BackboneRef(card=card.twin, weights=RANDOM if ref.weights == RANDOM else TWIN)
