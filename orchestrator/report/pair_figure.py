"""A matrix of pairwise differences: row minus column, with the corrected p-value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.report.figure_style import SMALL
from orchestrator.report.number import p_text
from orchestrator.report.pairs import Pair
from search_spaces.study import Factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL_IN = 0.72
_COLOURS = "PuOr"
_TEXT = "#111111"
"""Of the numbers: they stand on light colours, also in a dark page."""


MATRIX_WORDS = "Row minus column; below it Holm's p, with a star if it is at most 0.05."
"""How to read the matrix, before what its numbers are."""


def draw_pairs(pairs: Sequence[Pair], factor: Factor) -> Figure:
    """Return the matrix of the levels that are in a pair."""
    import numpy as np
    from matplotlib.figure import Figure

    found = {pair.first for pair in pairs} | {pair.second for pair in pairs}
    levels = [level for level in factor.levels if level in found]
    at = {level: k for k, level in enumerate(levels)}
    titles = [factor.title(level) for level in levels]
    values = np.full((len(levels), len(levels)), np.nan)
    size_in = 2.0 + _CELL_IN * len(levels)
    figure = Figure(figsize=(size_in, size_in - 0.6), layout="constrained")
    axes = figure.subplots()
    for pair in pairs:
        row, column = at[pair.first], at[pair.second]
        values[row, column], values[column, row] = pair.effect, -pair.effect
        _write(axes, row, column, pair.effect, pair)
        _write(axes, column, row, -pair.effect, pair)
    # Twice the range: the ends of the colours are too dark to write on.
    most = 2 * float(np.nanmax(np.abs(values))) or 1.0
    axes.imshow(values, cmap=_COLOURS, vmin=-most, vmax=most)
    axes.set_xticks(range(len(levels)), titles, rotation=40, ha="right")
    axes.set_yticks(range(len(levels)), titles)
    axes.tick_params(labelsize=SMALL, length=0)
    axes.spines[:].set_visible(False)
    return figure


def _write(axes: Axes, row: int, column: int, effect: float, pair: Pair) -> None:
    star = "*" if pair.is_called else ""
    tested = "no test" if pair.p_holm is None else f"p {p_text(pair.p_holm)}{star}"
    text = f"{effect:+.3f}\n{tested}"
    weight = "bold" if star else "normal"
    axes.text(
        column, row, text, ha="center", va="center", fontsize=SMALL - 1, color=_TEXT, weight=weight
    )
