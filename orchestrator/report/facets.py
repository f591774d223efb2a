"""How the grid of an experiment is laid out in figures: one per page, with panels."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from search_spaces.study import Factor

Sharing = Literal["all", "row", "col", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facet:
    """A panel: where it is, and the levels all of it has.

    Args:
        row, column: from 0; with one panel factor every panel is in row 0.
        row_title, column_title: empty where no factor makes rows, or columns.
    """

    row: int
    column: int
    row_title: str
    column_title: str
    levels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One figure: its panels, and the levels that tell it from its siblings."""

    levels: Mapping[str, str]
    titles: tuple[str, ...]
    facets: tuple[Facet, ...]


def pages(grid: Sequence[Factor], named: Sequence[str], panels: Sequence[str]) -> list[Page]:
    """Lay out a grid of factors.

    Args:
        named: every factor the figure uses; the others make a page per combination of levels.
        panels: the factors that make panels: none, columns, or rows and columns.
    """
    factors = {f.name: f for f in grid}
    others = [f for f in grid if f.name not in named]
    rows = factors[panels[0]] if len(panels) == 2 else None
    columns = factors[panels[-1]] if panels else None
    found = []
    for combination in itertools.product(*(f.levels for f in others)):
        levels = {f.name: level for f, level in zip(others, combination, strict=True)}
        titles = [f"{f.name} {f.title(levels[f.name])}" for f in others if len(f.levels) > 1]
        facets = tuple(_facets(rows, columns, levels))
        found.append(Page(levels=levels, titles=tuple(titles), facets=facets))
    return found


def _facets(rows: Factor | None, columns: Factor | None, levels: Mapping[str, str]) -> list[Facet]:
    return [
        Facet(
            row=i,
            column=j,
            row_title=row_title,
            column_title=column_title,
            levels={**levels, **row, **column},
        )
        for i, (row_title, row) in enumerate(_along(rows))
        for j, (column_title, column) in enumerate(_along(columns))
    ]


def _along(factor: Factor | None) -> list[tuple[str, dict[str, str]]]:
    if factor is None:
        return [("", {})]
    return [(factor.title(level), {factor.name: level}) for level in factor.levels]


def points(factors: Sequence[Factor]) -> list[dict[str, str]]:
    """Return every combination of the factors' levels; one empty combination for no factor."""
    names = [f.name for f in factors]
    return [
        dict(zip(names, combination, strict=True))
        for combination in itertools.product(*(f.levels for f in factors))
    ]


def sharing(values: Mapping[tuple[int, int], Hashable]) -> Sharing:
    """Return which panels can have one axis: those that have one value.

    Args:
        values: row and column -> what panels must agree in to share an axis.
    """
    if len(set(values.values())) <= 1:
        return "all"
    for name, axis in (("row", 0), ("col", 1)):
        lines = {place[axis] for place in values}
        if all(
            len({value for place, value in values.items() if place[axis] == line}) == 1
            for line in lines
        ):
            return "row" if name == "row" else "col"
    return "none"
