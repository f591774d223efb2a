"""A figure of data sets by size and distance, with gains as size and colour of their markers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.report.facets import Facet, pages
from orchestrator.report.figure_style import GREY, SMALL
from orchestrator.report.panel_grid import Grid, PanelLabels, colour_bar, compact, make_grid
from orchestrator.report.table import Entry, Table
from search_spaces.derived import Derived
from search_spaces.figures import GainScatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = "viridis"
_AREAS = (20.0, 260.0)  # square points, of the least and the most marker
_RING = 1.6  # diameter of the ring with the published value, in diameters of the marker
_COLUMN = 0.7  # decades of x in which names can lie over each other
_GAP = 3.0  # points between a marker and its name


@dataclass(frozen=True, kw_only=True, slots=True)
class ScatterPoint:
    """One point; NaN is no value.

    Args:
        published: what a paper prints for ``colour``.
    """

    label: str
    x: float
    y: float
    size: float
    colour: float
    published: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ScatterPanel:
    """The points of one panel that have a place on its axes."""

    facet: Facet
    points: tuple[ScatterPoint, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scatter:
    """What the figure shows.

    Args:
        notes: what it cannot show, and why.
        entries: the entries of tables that its numbers are.
    """

    panels: tuple[ScatterPanel, ...]
    notes: tuple[str, ...]
    entries: tuple[Entry, ...]


def scatter(figure: GainScatter, size: Derived, tables: Mapping[str, Table]) -> Scatter:
    """Collect what the figure shows from the tables of the study.

    Args:
        size: the derived table that sets the markers' sizes; its factors make panels and points.
        tables: by name; those of experiments without results are absent.
    """
    named = (figure.panels, figure.points)
    factor = next(f for f in size.factors if f.name == figure.points)
    distance = _by_levels(tables.get(figure.y), (figure.points,))
    sizes, colours = (_by_levels(tables.get(name), named) for name in (figure.size, figure.colour))
    (page,) = pages(size.factors, named, (figure.panels,))
    panels = []
    for facet in page.facets:
        points = []
        for level in factor.levels:
            at = (facet.levels[figure.panels], level)
            point = ScatterPoint(
                label=factor.title(level),
                x=figure.x.get(level, math.nan),
                y=_mean(distance.get((level,))),
                size=_mean(sizes.get(at)),
                colour=_mean(colours.get(at)),
                published=_published(colours.get(at)),
            )
            if math.isfinite(point.x) and math.isfinite(point.y):
                points.append(point)
        panels.append(ScatterPanel(facet=facet, points=tuple(points)))
    absent = [factor.title(k) for k in factor.levels if math.isnan(_mean(distance.get((k,))))]
    notes = [f"no {figure.y_label} yet for {', '.join(absent)}: run experiment '{figure.y}'"]
    return Scatter(
        panels=tuple(panels),
        notes=tuple(notes if absent else ()),
        entries=(*distance.values(), *sizes.values(), *colours.values()),
    )


def draw_scatter(figure: GainScatter, shown: Scatter, names: tuple[str, str]) -> Figure:
    """Return the figure.

    Args:
        names: what the size and the colour of markers are.
    """
    moved = compact((p.facet.row, p.facet.column) for p in shown.panels)
    places = {moved[p.facet.row, p.facet.column]: p for p in shown.panels}
    labels = {
        place: PanelLabels(column=panel.facet.column_title, y=figure.y_label)
        for place, panel in places.items()
    }
    grid = make_grid(labels, share_x="all", share_y="all", height_in=2.9)
    grid.figure.supxlabel(f"{figure.x_label} (log)", fontsize=SMALL + 1)
    every = [point for panel in shown.panels for point in panel.points]
    look = _Look.of(every)
    for place, panel in places.items():
        axes = grid.axes[place]
        axes.set_xscale("log")
        axes.margins(0.22)
        for point in panel.points:
            look.draw(axes, point, below=_has_one_above(point, panel.points))
        if not panel.points:
            axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", color=GREY)
    _explain(grid, every, look, names)
    return grid.figure


@dataclass(frozen=True, kw_only=True)
class _Look:
    """How numbers become sizes and colours.

    Args:
        sizes: least and most of the points' sizes; None if no point has one.
        colours: a ``ScalarMappable``.
    """

    sizes: tuple[float, float] | None
    colours: Any

    @classmethod
    def of(cls, points: Sequence[ScatterPoint]) -> _Look:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        sizes = [p.size for p in points if math.isfinite(p.size)]
        values = [v for p in points for v in (p.colour, p.published) if math.isfinite(v)]
        scale = Normalize(min(values, default=0.0), max(values, default=1.0))
        return cls(
            sizes=(min(sizes), max(sizes)) if sizes else None,
            colours=ScalarMappable(scale, _COLOURS),
        )

    def area(self, size: float) -> float:
        """Return the area of a marker in square points."""
        if self.sizes is None or not math.isfinite(size):
            return _AREAS[0]
        least, most = self.sizes
        share = 0.5 if most == least else (size - least) / (most - least)
        return _AREAS[0] + share * (_AREAS[1] - _AREAS[0])

    def draw(self, axes: Axes, point: ScatterPoint, *, below: bool) -> None:
        """Draw a marker, hollow where its size or colour is unknown, its ring and its name.

        Args:
            below: where its name goes; above otherwise.
        """
        area = self.area(point.size)
        if math.isfinite(point.size) and math.isfinite(point.colour):
            axes.scatter(point.x, point.y, area, color=self.colours.to_rgba(point.colour))
        else:
            axes.scatter(point.x, point.y, area, facecolors="none", edgecolors=GREY)
        radius = math.sqrt(area) / 2
        if math.isfinite(point.published):
            ring = self.colours.to_rgba(point.published)
            size = area * _RING**2
            axes.scatter(point.x, point.y, size, "none", edgecolors=[ring], linewidths=1.8)
            radius *= _RING
        axes.annotate(
            point.label,
            (point.x, point.y),
            xytext=(0, (radius + _GAP) * (-1 if below else 1)),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=SMALL - 1,
        )


def _has_one_above(point: ScatterPoint, points: Sequence[ScatterPoint]) -> bool:
    """Whether the nearest point in the same column, by height, is above this one."""
    column = [p for p in points if p != point and abs(math.log10(p.x / point.x)) < _COLUMN]
    nearest = min(column, key=lambda p: abs(p.y - point.y), default=point)
    return nearest.y > point.y


def _explain(
    grid: Grid, points: Sequence[ScatterPoint], look: _Look, names: tuple[str, str]
) -> None:
    """Add the legend of sizes and rings, and the colour bar."""
    from matplotlib.lines import Line2D

    def marker(label: str, area: float, **more: Any) -> Any:
        look = {"linestyle": "", "marker": "o", "color": GREY, "markersize": math.sqrt(area)}
        return Line2D([], [], label=label, **{**look, **more})

    handles = []
    if look.sizes is not None:
        least, most = look.sizes
        for size in dict.fromkeys((least, (least + most) / 2, most)):
            handles.append(marker(f"{names[0]} {size:.2f}", look.area(size)))
    if any(math.isfinite(p.published) for p in points):
        handles.append(marker("ring: published", 120, fillstyle="none", markeredgewidth=1.8))
    if any(math.isnan(p.size) or math.isnan(p.colour) for p in points):
        handles.append(marker("no gain yet", _AREAS[0], fillstyle="none"))
    if handles:
        grid.figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=len(handles),
            fontsize=SMALL,
            frameon=False,
        )
    if points:
        colour_bar(grid, look.colours, names[1])


def _by_levels(table: Table | None, factors: tuple[str, ...]) -> dict[tuple[str, ...], Entry]:
    """Return a table's entries by their levels of some factors; the first where several agree."""
    found: dict[tuple[str, ...], Entry] = {}
    for entry in table.entries if table is not None else ():
        found.setdefault(tuple(entry.levels[name] for name in factors), entry)
    return found


def _mean(entry: Entry | None) -> float:
    return math.nan if entry is None or entry.statistic is None else entry.statistic.mean


def _published(entry: Entry | None) -> float:
    return math.nan if entry is None or entry.published is None else entry.published.value
