"""A figure with a grid of panels: sizes, shared axes, titles at the margins, tick labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.report.facets import Sharing
from orchestrator.report.figure_style import SMALL, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Place = tuple[int, int]
"""Row and column of a panel."""

_WIDTHS_IN = (6.5, 9.0, 11.0)  # of a figure with one, two and more panels side by side
_MOST_COLUMNS = 5
_LETTER_IN = 0.075  # of a tick label, on average
_LINE_IN = 0.15
_SHARE = 0.85  # of a panel's width that is its horizontal axis


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelLabels:
    """What is written around a panel.

    Args:
        row, column: titles of its row and its column.
        y: what its vertical axis is.
        ticks: names of the positions 0, 1, ... of its horizontal axis; empty for a numeric one.
    """

    row: str = ""
    column: str = ""
    y: str = ""
    ticks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A figure and its panels."""

    figure: Figure
    axes: Mapping[Place, Axes]


def compact(places: Iterable[Place]) -> dict[Place, Place]:
    """Return where panels go: no empty rows and columns, and a long single row goes on below."""
    kept = sorted(set(places))
    rows = sorted({row for row, _ in kept})
    columns = sorted({column for _, column in kept})
    if len(rows) > 1 or len(columns) <= _MOST_COLUMNS:
        return {(r, c): (rows.index(r), columns.index(c)) for r, c in kept}
    width = math.ceil(len(columns) / math.ceil(len(columns) / _MOST_COLUMNS))
    return {place: divmod(columns.index(place[1]), width) for place in kept}


def make_grid(
    labels: Mapping[Place, PanelLabels],
    *,
    share_x: Sharing = "none",
    share_y: Sharing = "none",
    height_in: float | None = None,
) -> Grid:
    """Return an empty grid with everything around its panels; places without labels stay empty.

    Args:
        labels: of the panels, at places from :func:`compact`.
        height_in: of one panel; by default what suits its width.
    """
    from matplotlib.figure import Figure

    rows = 1 + max(row for row, _ in labels)
    columns = 1 + max(column for _, column in labels)
    width = _WIDTHS_IN[min(columns, len(_WIDTHS_IN)) - 1] / columns
    height = height_in or min(3.2, max(1.5, 0.62 * width))
    rooms = [
        _tick_room_in([k for (r, _), k in labels.items() if r == row], width) for row in range(rows)
    ]
    if share_x in ("all", "col"):
        rooms = [max(rooms)]
    figure = Figure(
        figsize=(width * columns, height * rows + sum(rooms) + 0.8), layout="constrained"
    )
    drawn = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False)
    every = {(r, c): drawn[r, c] for r in range(rows) for c in range(columns)}
    for place, axes in every.items():
        if place in labels:
            plain_axes(axes)
            _name_ticks(axes, labels[place].ticks, width)
        else:
            _blank(axes)
    grid = Grid(figure=figure, axes={place: every[place] for place in labels})
    _show_outer_ticks(grid, share_x, share_y)
    _write_margins(every, labels, figure)
    return grid


def thinned(count: int, room_in: float) -> range:
    """Return the positions that are named where there is not room for all."""
    return range(0, count, max(1, math.ceil(count * _LINE_IN / room_in)))


def colour_bar(grid: Grid, colours: Any, label: str = "") -> None:
    """Add the colour bar of all panels.

    Args:
        colours: a ``ScalarMappable``, such as an image.
    """
    bar = grid.figure.colorbar(colours, ax=list(grid.axes.values()), aspect=30)
    bar.set_label(label, fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)


def _lies_flat(names: Sequence[str], width_in: float) -> bool:
    return max(map(len, names)) * _LETTER_IN * len(names) <= _SHARE * width_in


def _tick_room_in(labels: Sequence[PanelLabels], width_in: float) -> float:
    """Return how much higher a row must be for names that stand upright."""
    upright = [k.ticks for k in labels if k.ticks and not _lies_flat(k.ticks, width_in)]
    return max((len(name) for names in upright for name in names), default=0) * _LETTER_IN


def _name_ticks(axes: Axes, names: Sequence[str], width_in: float) -> None:
    if not names:
        return
    flat = _lies_flat(names, width_in)
    at = range(len(names)) if flat else thinned(len(names), _SHARE * width_in)
    axes.set_xticks(at, [names[k] for k in at], rotation=0 if flat else 90)
    axes.tick_params(axis="x", labelsize=SMALL if flat else SMALL - 1)


def _blank(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)


def _show_outer_ticks(grid: Grid, share_x: Sharing, share_y: Sharing) -> None:
    """Label the ticks of the last panel below, and the first from the left, that there is."""
    for row, column in grid.axes:
        axes = grid.axes[row, column]
        lowest = max(r for r, c in grid.axes if c == column)
        first = min(c for r, c in grid.axes if r == row)
        axes.tick_params(
            labelbottom=share_x not in ("all", "col") or row == lowest,
            labelleft=share_y not in ("all", "row") or column == first,
        )


def _write_margins(
    every: Mapping[Place, Axes], labels: Mapping[Place, PanelLabels], figure: Figure
) -> None:
    y_labels = {label.y for label in labels.values()}
    one_y = len(y_labels) == 1
    if one_y:
        figure.supylabel(y_labels.pop(), fontsize=SMALL + 1)
    in_rows = any(label.row for label in labels.values())
    one_row = len({row for row, _ in labels}) == 1
    by_column = (in_rows or one_row) and _constant(labels, axis=1)
    by_row = _constant(labels, axis=0)
    for (row, column), label in labels.items():
        top = min(r for r, c in labels if c == column)
        left = min(c for r, c in labels if r == row)
        title = [label.column] if row == top or not in_rows else []
        side = [label.row] if column == left else []
        if not one_y and by_column:
            title += [label.y] if row == top else []
        elif not one_y and (column == left or not by_row):
            side.append(label.y)
        axes = every[row, column]
        axes.set_title("\n".join(filter(None, title)), fontsize=SMALL + 1)
        axes.set_ylabel("\n".join(filter(None, side)), fontsize=SMALL + 1)


def _constant(labels: Mapping[Place, PanelLabels], axis: int) -> bool:
    """Whether all panels of a row (axis 0), or of a column (1), have one ``y``."""
    lines = {place[axis] for place in labels}
    return all(
        len({label.y for place, label in labels.items() if place[axis] == line}) == 1
        for line in lines
    )
