"""Find data cards and tell whether their data is here. Light: plans and lists import this."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainables.config import DataRef, digest
from trainables.data.card import DataCard, DataStatus
from trainables.data.catalog import CARDS
from trainables.data.copies import split_name
from trainables.errors import SelectionError, did_you_mean
from trainables.outside import CardTable, is_outside

if TYPE_CHECKING:
    from trainables.context import Locations
    from trainables.data.source import DataSource

__all__ = [
    "DATA_CARDS",
    "DataCard",
    "DataStatus",
    "data_status",
    "get_data_card",
    "reference_status",
    "source_of",
]


class _DataCards(CardTable[DataCard]):
    """Cards by name; ``<name>@<size>`` is that of copies, which the table does not list."""

    def __getitem__(self, name: str) -> DataCard:
        base, short_side_px = split_name(name)
        card = super().__getitem__(base)
        if short_side_px is None:
            return card
        title = f"{card.title}, short side at most {short_side_px} px"
        return dataclasses.replace(card, name=name, title=title)


DATA_CARDS = _DataCards(CARDS, "DATA_CARDS")


def get_data_card(name: str) -> DataCard:
    """Return a card by name, or by dotted name from the ``DATA_CARDS`` of a user's module.

    Raises:
        SelectionError: there is none of that name; the message lists the near ones.
    """
    if name not in DATA_CARDS:
        raise SelectionError(f"there is no data set '{name}'.{did_you_mean(name, DATA_CARDS)}")
    return DATA_CARDS[name]


def source_of(card: DataCard) -> DataSource:
    """Return what opens the card's data: its module's ``SOURCE``, or its entry in ``SOURCES``."""
    base, short_side_px = split_name(card.name)
    module = importlib.import_module(card.full_name(card.module))
    by_name: Mapping[str, DataSource] = getattr(module, "SOURCES", {})
    source: DataSource = by_name[base] if by_name else module.SOURCE
    return source if short_side_px is None else _copied(DATA_CARDS[base], source, short_side_px)


def _copied(base: DataCard, source: DataSource, short_side_px: int) -> DataSource:
    from trainables.data.copied_source import CopiedSource
    from trainables.data.prepared import PreparedSource

    if not isinstance(source, PreparedSource):
        raise SelectionError(
            f"data set '{base.name}' is not prepared from files, so there are no copies of it: "
            f"ask for '{base.name}'"
        )
    return CopiedSource(base, source, short_side_px)


def data_status(name: str, locations: Locations) -> DataStatus:
    """Return the digest of a data set and whether it can be opened, without opening it.

    Raises:
        SelectionError: there is no such card.
    """
    card = get_data_card(name)
    status = source_of(card).status(card, locations)
    if is_outside(name) and status.present:
        # Cards of the package stay as they are; a user's may be edited between two runs.
        return dataclasses.replace(status, digest=digest([status.digest, card.reading()]))
    return status


def reference_status(ref: DataRef, locations: Locations) -> DataStatus:
    """Return :func:`data_status`, absent if a domain that is asked for cannot be opened.

    Raises:
        SelectionError: there is no such card.
    """
    status = data_status(ref.name, locations)
    wanted = ref.domains or status.card.domains
    absent = [domain for domain in wanted if domain in status.absent_domains]
    if not absent:
        return status
    return dataclasses.replace(
        status,
        present=False,
        digest="",
        reason=f"data set '{ref.name}' was prepared without {', '.join(absent)}. Get "
        f"{status.card.how_to_get}, then run 'xenograft prepare {ref.name} --source DIR' again, "
        "or ask for the other domains only.",
    )
