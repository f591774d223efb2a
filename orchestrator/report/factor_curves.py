"""Figures of the printed metric over the levels of a factor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from orchestrator.report.curve_panels import CurvePanel, Series
from orchestrator.report.facets import Page, points
from orchestrator.report.table import Entry
from search_spaces.figures import FactorCurves
from search_spaces.study import Experiment, Factor

Entries = Mapping[frozenset[tuple[str, str]], Entry]
"""Levels -> what the experiment's table has there."""


def factor_panels(
    figure: FactorCurves, experiment: Experiment, page: Page, entries: Entries
) -> list[CurvePanel]:
    """Return the panels of one page that have a number."""
    factors = {f.name: f for f in experiment.factors}
    x, lines = factors[figure.x], [] if figure.lines is None else [factors[figure.lines]]
    places = _numeric(x)
    panels = []
    for facet in page.facets:
        found = []
        metrics: dict[str, None] = {}
        for k, line in enumerate(points(lines)):
            at = [
                (level, entries.get(frozenset({**facet.levels, **line, x.name: level}.items())))
                for level in x.levels
            ]
            shown = [(level, entry) for level, entry in at if entry is not None]
            metrics.update(dict.fromkeys(e.metric for _, e in shown if e.metric))
            label = "".join(f.title(line[f.name]) for f in lines)
            series = _series(label, k, places, shown, gaps=not _is_numeric(x))
            if series is not None:
                found.append(series)
        if found:
            ticks = None if _is_numeric(x) else tuple(map(x.title, x.levels))
            panel = CurvePanel(
                facet=facet, y_label=", ".join(metrics), series=tuple(found), ticks=ticks
            )
            panels.append(panel)
    return panels


def _series(
    label: str,
    colour: int,
    places: Mapping[str, float],
    at: Sequence[tuple[str, Entry]],
    *,
    gaps: bool,
) -> Series | None:
    """Return one line; None if it has no number.

    Args:
        gaps: interrupt the line where a level has no number: there is nothing between categories.
    """
    numbers = {places[level]: entry.statistic for level, entry in at if entry.statistic is not None}
    if not numbers:
        return None
    x = sorted(places.values() if gaps else numbers)
    statistics = [numbers.get(position) for position in x]
    return Series(
        label=label,
        colour=colour,
        x=tuple(x),
        y=tuple(math.nan if s is None else s.mean for s in statistics),
        sd=tuple(math.nan if s is None or s.sd is None else s.sd for s in statistics),
        published=tuple(
            (places[level], entry.published.value)
            for level, entry in at
            if entry.published is not None
        ),
    )


def _numeric(factor: Factor) -> dict[str, float]:
    """Return where levels stand: at their value if all are numbers, else side by side."""
    if _is_numeric(factor):
        return {level: float(level) for level in factor.levels}
    return {level: float(k) for k, level in enumerate(factor.levels)}


def _is_numeric(factor: Factor) -> bool:
    try:
        return all(math.isfinite(float(level)) for level in factor.levels)
    except ValueError:
        return False
