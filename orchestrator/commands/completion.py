"""What Tab offers: names of studies and data sets, levels for ``--only``, keys for ``--set``."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from trainables.errors import XenograftError

if TYPE_CHECKING:
    from search_spaces.study import Study


def complete_study(incomplete: str) -> list[str]:
    """Offer the studies of the package."""
    from search_spaces.registry import STUDIES

    return _beginning(incomplete, STUDIES)


def complete_data(incomplete: str) -> list[str]:
    """Offer the data sets of the package."""
    from trainables.data.cards import DATA_CARDS

    return _beginning(incomplete, DATA_CARDS)


def complete_only(context: typer.Context, incomplete: str) -> list[str]:
    """Offer ``factor=level`` of the study that is named before; after a comma, further levels."""
    factor, equals, levels = incomplete.partition("=")
    before, comma, last = levels.rpartition(",")
    known = _levels(context)
    if not equals:
        pairs = [f"{name}={level}" for name, every in known.items() for level in every]
        return _beginning(incomplete, pairs)
    taken = before.split(",")
    left = [level for level in known.get(factor, ()) if level not in taken]
    return [f"{factor}={before}{comma}{level}" for level in _beginning(last, left)]


def complete_set(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the config keys of the study that is named before, up to the ``=``."""
    from trainables.config import flatten

    study = _study(context)
    cells = study.cells() if study else []
    keys = dict.fromkeys(key for cell in cells for key in flatten(cell.recipe.config))
    return _beginning(incomplete, [f"{key}=" for key in keys])


def _levels(context: typer.Context) -> dict[str, list[str]]:
    study = _study(context)
    experiments = study.experiments if study else ()
    known: dict[str, dict[str, None]] = {"experiment": {e.name: None for e in experiments}}
    for experiment in experiments:
        for factor in experiment.factors:
            known.setdefault(factor.name, {}).update(dict.fromkeys(factor.levels))
    return {name: list(levels) for name, levels in known.items()}


def _study(context: typer.Context) -> Study | None:
    """Return the study on the line, None where there is none or a wrong one."""
    from search_spaces.registry import load_study

    # An option that still lacks its value leaves what was typed before it unparsed.
    for word in (context.params.get("study") or "", *context.args):
        # Tab is no place for a complaint; the command itself makes it.
        with suppress(XenograftError):
            return load_study(word)
    return None


def _beginning(start: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(start)]
