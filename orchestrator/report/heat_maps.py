"""Figures of matrices between layers, read from the artifacts of replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.report.facets import Facet, Page, sharing
from orchestrator.report.figure_style import SMALL
from orchestrator.report.layer_curves import short_layer
from orchestrator.report.panel_grid import PanelLabels, colour_bar, compact, make_grid, thinned
from orchestrator.report.results import CellResult, StudyResults
from search_spaces.figures import HeatMaps
from search_spaces.study import Experiment
from trainables.errors import TrackingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import float64
    from numpy.typing import NDArray

_COLOURS = "viridis"


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixPanel:
    """One panel: the mean over replicates; NaN where no replicate has a value."""

    facet: Facet
    layers: tuple[str, ...]
    values: NDArray[float64]


def matrix_panels(
    figure: HeatMaps, matrix: str, experiment: Experiment, page: Page, results: StudyResults
) -> list[MatrixPanel]:
    """Return the panels of one page whose complete cells left the matrix.

    Raises:
        TrackingError: an artifact cannot be read, or is laid out otherwise.
    """
    panels = []
    for facet in page.facets:
        cell = results.at(experiment.name, facet.levels)
        if cell is not None and cell.state == "complete":
            found = _mean_matrix(figure, matrix, cell, results)
            if found is not None:
                panels.append(MatrixPanel(facet=facet, layers=found[0], values=found[1]))
    return panels


def draw_matrices(panels: Sequence[MatrixPanel], matrix: str) -> Figure:
    """Return the figure; all panels have one colour scale, from 0 to 1 or wider if need be.

    Args:
        matrix: its name, ``<rows>-<columns>``.
    """
    import numpy as np

    moved = compact((p.facet.row, p.facet.column) for p in panels)
    places = {moved[p.facet.row, p.facet.column]: p for p in panels}
    size_in = min(3.4, 10.0 / (1 + max(column for _, column in places)))
    grid = make_grid(
        {
            place: PanelLabels(row=p.facet.row_title, column=p.facet.column_title)
            for place, p in places.items()
        },
        height_in=size_in,
    )
    one_axis = sharing({place: panel.layers for place, panel in places.items()}) in ("all", "row")
    finite = np.concatenate([p.values[np.isfinite(p.values)] for p in panels])
    scale = {"vmin": min(0.0, finite.min(initial=0.0)), "vmax": max(1.0, finite.max(initial=1.0))}
    for (row, column), panel in places.items():
        axes = grid.axes[row, column]
        axes.grid(visible=False)
        image = axes.imshow(
            panel.values, cmap=_COLOURS, interpolation="none", origin="lower", **scale
        )
        first = min(c for r, c in places if r == row)
        _name_layers(axes, panel.layers, size_in, named=column == first or not one_axis)
    rows, _, columns = matrix.partition("-")
    grid.figure.supylabel(rows, fontsize=SMALL + 1)
    text = f"{columns} (layers in the order of the vertical axis)"
    grid.figure.supxlabel(text, fontsize=SMALL + 1)
    colour_bar(grid, image)
    return grid.figure


def _name_layers(axes: Axes, layers: Sequence[str], size_in: float, *, named: bool) -> None:
    """Mark the same layers on both axes, and name them on the vertical one."""
    at = thinned(len(layers), size_in)
    axes.set_yticks(at, [layers[k] for k in at] if named else [""] * len(at))
    axes.set_xticks(at, [""] * len(at))
    axes.tick_params(axis="y", labelsize=SMALL - 1)


def _mean_matrix(
    figure: HeatMaps, matrix: str, cell: CellResult, results: StudyResults
) -> tuple[tuple[str, ...], NDArray[float64]] | None:
    import numpy as np

    found: list[NDArray[float64]] = []
    layers: tuple[str, ...] = ()
    for replicate in cell.replicates:
        body = results.read_json(replicate.run_id, figure.artifact)
        if body is None:
            continue
        where = f"artifact {figure.artifact} of {cell.name}, replicate {replicate.index}"
        values = _matrix(body, figure.kind, matrix, where)
        if values is None:
            continue
        names = tuple(short_layer(name) for name in body["layers"])
        if found and names != layers:
            raise TrackingError(f"{where} names other layers than the replicate before it")
        layers = names
        found.append(values)
    if not found:
        return None
    every = np.stack(found)
    known = np.isfinite(every)
    count = known.sum(axis=0)
    mean = np.where(known, every, 0.0).sum(axis=0) / np.where(count, count, 1)
    return layers, np.where(count, mean, np.nan)


def _matrix(body: Any, kind: str, matrix: str, where: str) -> NDArray[float64] | None:
    """Return one matrix of an artifact; None where it was not computed."""
    import numpy as np

    if not isinstance(body, Mapping) or not {"layers", "kind"} <= set(body):
        raise TrackingError(f"{where} is not laid out as layers and matrices by kind")
    rows = body["kind"].get(kind, {}).get(matrix)
    if rows is None:
        return None
    values = np.array(rows, dtype=np.float64)  # null becomes NaN
    size = len(body["layers"])
    if values.shape != (size, size):
        raise TrackingError(f"{where}: matrix '{matrix}' is {values.shape} for {size} layers")
    return values
