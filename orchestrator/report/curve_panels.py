"""Draws curves or bars in a grid of panels with one legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.report.facets import Facet, sharing
from orchestrator.report.figure_style import GREY, INK, LINE_COLOURS, MARKERS, SMALL
from orchestrator.report.panel_grid import Grid, PanelLabels, compact, make_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES = ("-", "--", ":", "-.")
_MOST_MARKERS = 15  # on a line; more would hide it
_MOST_NAMED = 8  # positions on a logarithmic axis that are named one by one


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One line of a panel, or one set of bars.

    Args:
        colour, dash: number of its colour and marker, and of its line style.
        y: means; NaN interrupts the line.
        sd: sample sd over replicates; NaN for one replicate.
        published: (x, value) as a paper prints it.
    """

    label: str
    colour: int
    dash: int = 0
    x: tuple[float, ...]
    y: tuple[float, ...]
    sd: tuple[float, ...]
    published: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePanel:
    """One panel.

    Args:
        ticks: names of the positions 0, 1, ...; None for a numeric axis.
    """

    facet: Facet
    y_label: str
    series: tuple[Series, ...]
    ticks: tuple[str, ...] | None = None


def draw_curves(
    panels: Sequence[CurvePanel], x_label: str, *, log_x: bool = False, bars: bool = False
) -> Figure:
    """Return the figure; panels share an axis where it means the same to them."""
    moved = compact((p.facet.row, p.facet.column) for p in panels)
    places = {moved[p.facet.row, p.facet.column]: p for p in panels}
    grid = make_grid(
        {place: _labels(panel) for place, panel in places.items()},
        share_x=sharing({place: _x_axis(p) for place, p in places.items()}),
        share_y=sharing({place: p.y_label for place, p in places.items()}),
    )
    grid.figure.supxlabel(x_label, fontsize=SMALL + 1)
    for place, panel in places.items():
        axes = grid.axes[place]
        (_bars if bars else _lines)(axes, panel)
        if panel.ticks is None:
            _numeric_axis(axes, panel, log_x)
    _legend(grid, panels, bars)
    return grid.figure


def _labels(panel: CurvePanel) -> PanelLabels:
    return PanelLabels(
        row=panel.facet.row_title,
        column=panel.facet.column_title,
        y=panel.y_label,
        ticks=panel.ticks or (),
    )


def _x_axis(panel: CurvePanel) -> tuple[object, ...]:
    return _positions(panel) if panel.ticks is None else panel.ticks


def _positions(panel: CurvePanel) -> tuple[float, ...]:
    return tuple(sorted({x for series in panel.series for x in series.x}))


def _numeric_axis(axes: Axes, panel: CurvePanel, log_x: bool) -> None:
    positions = _positions(panel)
    if not log_x:
        whole = all(x.is_integer() for x in positions)
        axes.locator_params(axis="x", integer=whole, nbins=7)
        return
    axes.set_xscale("log")
    if len(positions) <= _MOST_NAMED:
        axes.set_xticks(positions, [f"{x:g}" for x in positions])
        axes.minorticks_off()


def _lines(axes: Axes, panel: CurvePanel) -> None:
    for series in panel.series:
        low = [y - sd for y, sd in zip(series.y, series.sd, strict=True)]
        high = [y + sd for y, sd in zip(series.y, series.sd, strict=True)]
        axes.fill_between(series.x, low, high, color=_colour(series), alpha=0.18, linewidth=0)
        every = math.ceil(len(series.x) / _MOST_MARKERS)
        axes.plot(series.x, series.y, markevery=every, **_line_look(series))
        if series.published:
            x, y = zip(*series.published, strict=True)
            axes.plot(x, y, **_published_look(_colour(series)))


def _bars(axes: Axes, panel: CurvePanel) -> None:
    width = 0.8 / max(1, len(panel.series))
    for k, series in enumerate(panel.series):
        offset = (k - (len(panel.series) - 1) / 2) * width
        axes.bar(
            [x + offset for x in series.x],
            series.y,
            width,
            yerr=[0 if math.isnan(sd) else sd for sd in series.sd],
            error_kw={"linewidth": 0.5, "ecolor": INK, "alpha": 0.7},
            **_bar_look(series),
        )
    axes.axhline(0, color=GREY, linewidth=0.5)


def _legend(grid: Grid, panels: Sequence[CurvePanel], bars: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: dict[str, Any] = {}
    for series in (series for panel in panels for series in panel.series):
        if series.label and series.label not in handles:
            look = _bar_look(series) if bars else _line_look(series)
            handles[series.label] = Patch(**look) if bars else Line2D([], [], **look)
    if any(series.published for panel in panels for series in panel.series):
        handles["published"] = Line2D([], [], **_published_look(GREY))
    if handles:
        grid.figure.legend(
            handles.values(),
            handles.keys(),
            loc="outside upper center",
            ncols=min(len(handles), 6),
            fontsize=SMALL,
            frameon=False,
        )


def _colour(series: Series) -> str:
    return LINE_COLOURS[series.colour % len(LINE_COLOURS)]


def _line_look(series: Series) -> dict[str, Any]:
    return {
        "color": _colour(series),
        "linestyle": _DASHES[series.dash % len(_DASHES)],
        "marker": MARKERS[series.colour % len(MARKERS)],
        "markersize": 3.5,
        "linewidth": 1.3,
    }


def _bar_look(series: Series) -> dict[str, Any]:
    return {"color": _colour(series), "alpha": 1 / (1 + series.dash)}


def _published_look(colour: str) -> dict[str, Any]:
    return {
        "color": colour,
        "linestyle": "",
        "marker": "*",
        "markersize": 9,
        "fillstyle": "none",
    }
