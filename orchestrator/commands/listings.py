"""What ``ls`` lists: studies, data sets and networks, of the package or of a user's module."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.card import BackboneCard
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.text_cards import TextCard

Row = dict[str, Any]


class Listing(StrEnum):
    """What ``ls`` can list."""

    STUDIES = "studies"
    DATA = "data"
    BACKBONES = "backbones"


def listed(what: Listing, module: str, locations: Locations) -> list[Row]:
    """Return a row for each, with the same columns.

    Args:
        module: a user's, of which all is listed; empty: all of the package.

    Raises:
        SelectionError: there is no such module, or nothing of the kind in it.
    """
    if what is Listing.STUDIES:
        return _studies(module)
    return _data(module, locations) if what is Listing.DATA else _backbones(module, locations)


def _studies(module: str) -> list[Row]:
    from search_spaces.registry import STUDIES, load_study

    rows = []
    for name in [module] if module else STUDIES:
        study = load_study(name)
        rows.append(
            {
                "study": name,
                "title": study.title,
                "experiments": len(study.experiments),
            }
        )
    return rows


def _data(module: str, locations: Locations) -> list[Row]:
    from trainables.data.cards import DATA_CARDS, data_status

    rows = []
    for name, card in (DATA_CARDS.of_module(module) if module else DATA_CARDS).items():
        state = data_status(name, locations)
        rows.append(
            {
                "data set": name,
                "title": card.title,
                "kind": card.kind,
                "classes": len(card.classes),
                "twin": card.twin or "",
                "licence": card.licence,
                "here": state.present,
                "note": "" if state.present else state.reason,
            }
        )
    return rows


def _backbones(module: str, locations: Locations) -> list[Row]:
    from trainables.models.cards import BACKBONE_CARDS
    from trainables.models.segmenter_cards import SEGMENTER_CARDS
    from trainables.models.text_cards import TEXT_CARDS
    from trainables.models.weights import weights_status

    cards: Mapping[str, BackboneCard | TextCard | SegmenterCard] = (
        BACKBONE_CARDS.of_module(module)
        if module
        else {**BACKBONE_CARDS, **TEXT_CARDS, **SEGMENTER_CARDS}
    )
    rows = []
    for name, card in cards.items():
        state = weights_status(BackboneRef(card=name, weights=card.default_weights), locations)
        rows.append(
            {
                "backbone": name,
                "title": card.title,
                "for": _kind(card),
                "params (M)": card.params_m,
                "px": "" if isinstance(card, TextCard) else card.image_size_px,
                "weights": list(card.tags),
                "licence": "; ".join(_licences(card)),
                "twin": card.twin or "",
                "here": state.present,
                "note": "" if state.present else state.reason,
            }
        )
    return rows


def _kind(card: BackboneCard | TextCard | SegmenterCard) -> str:
    if isinstance(card, SegmenterCard):
        return "masks"
    return "texts" if isinstance(card, TextCard) else "pictures"


def _licences(card: BackboneCard | TextCard | SegmenterCard) -> list[str]:
    own = [f"{source.tag}: {source.licence}" for source in card.sources]
    if not isinstance(card, SegmenterCard):
        return own
    read = {source.tag for source in card.sources}
    taken = {tag: parts for tag, parts in card.parts.items() if tag not in read}
    return own + [
        f"{tag}: as {', '.join(f'{part.card} {part.weights}' for part in parts)}"
        for tag, parts in taken.items()
    ]
