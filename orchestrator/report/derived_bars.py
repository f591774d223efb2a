"""A figure of one derived table: a bar per entry, and the published value beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.figure_style import INK, LINE_COLOURS, SMALL, plain_axes
from orchestrator.report.table import Entry, Table
from search_spaces.derived import Derived
from search_spaces.figures import DerivedBars

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_IN = 7.0
_BAR_IN = 0.24
_GROUP = 0.8  # of the room of one level that its bars take


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """What the figure shows.

    Args:
        titles: of the levels along the axis, of those that make colours.
        entries: (level along the axis, colour) -> what the table has there.
    """

    titles: tuple[tuple[str, ...], tuple[str, ...]]
    entries: dict[tuple[int, int], Entry]


def derived_bars(figure: DerivedBars, derived: Derived, table: Table) -> Bars:
    """Collect the entries of the table that the figure shows."""
    factors = {f.name: f for f in derived.factors}
    along, colours = factors[figure.bars], factors[figure.colours]
    entries = {
        (along.levels.index(e.levels[along.name]), colours.levels.index(e.levels[colours.name])): e
        for e in table.entries
        if figure.where.items() <= e.levels.items()
        and (e.statistic is not None or e.published is not None)
    }
    titles = tuple(tuple(f.title(level) for level in f.levels) for f in (along, colours))
    return Bars(titles=(titles[0], titles[1]), entries=entries)


def draw_bars(shown: Bars, value_name: str) -> Figure:
    """Return the figure: horizontal bars with their intervals, diamonds for published values."""
    from matplotlib.figure import Figure

    along, colours = shown.titles
    height_in = 1.0 + _BAR_IN * len(along) * len(colours)
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    axes = figure.subplots()
    plain_axes(axes)
    for colour, title in enumerate(colours):
        _draw_colour(axes, shown, colour, title)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(along)), along)
    axes.invert_yaxis()
    axes.set_xlabel(value_name, fontsize=SMALL + 1)
    if any(entry.published is not None for entry in shown.entries.values()):
        axes.plot([], [], "D", color=INK, markersize=4, linestyle="none", label="published")
    figure.legend(loc="outside upper center", ncols=3, fontsize=SMALL, frameon=False)
    return figure


def _draw_colour(axes: Axes, shown: Bars, colour: int, title: str) -> None:
    width = _GROUP / len(shown.titles[1])
    for (place, of), entry in shown.entries.items():
        if of != colour:
            continue
        y = place + (colour + 0.5) * width - _GROUP / 2
        ours = entry.statistic
        if ours is not None:
            axes.barh(y, ours.mean, height=0.9 * width, color=LINE_COLOURS[colour])
            if ours.ci95_low is not None and ours.ci95_high is not None:
                axes.hlines(y, ours.ci95_low, ours.ci95_high, color=INK, linewidth=1)
        if entry.published is not None:
            axes.plot(entry.published.value, y, "D", color=INK, markersize=4)
    axes.barh([0], [0], color=LINE_COLOURS[colour], label=title)
