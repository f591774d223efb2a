"""Figures of one cell: learning curves, search history, and what the searched parameters did.

Figures are made without pyplot: no display, no global state.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.report import figure_style
from orchestrator.report.figure_style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    SMALL,
    VERMILION,
    in_style,
    plain_axes,
)
from orchestrator.report.results import CellResult, TrialResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REPLICATE_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, SKY)
_SIZE_IN = (5.2, 3.1)
_MAX_PARAMETERS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class CellFigure:
    """A figure there is something to show in, not yet drawn.

    Args:
        words: what it shows.
        digest: of what it is drawn from and of the code that draws it.
    """

    name: str
    words: str
    digest: str
    maker: Callable[[CellResult], Figure]
    cell: CellResult

    def draw(self) -> Figure:
        """Draw it; takes about a tenth of a second."""
        return in_style(partial(self.maker, self.cell))


def cell_figures(cell: CellResult) -> list[CellFigure]:
    """Return the figures that a cell has something for."""
    found: list[tuple[str, Callable[[CellResult], Figure], str]] = []
    if any(_has_curve(t) for t in (*cell.search, *cell.replicates)):
        words = f"{cell.objective} over the steps of every trial; dotted: pruned"
        found.append(("curves", learning_curves, words))
    valued = _valued(cell)
    if len(valued) > 1:
        words = f"{cell.objective} of each search trial, and the best so far"
        found.append(("search", search_history, words))
    if len(valued) > 2 and _varied(valued):
        words = f"{cell.objective} against each searched parameter; dashed: chosen"
        found.append(("parameters", parameter_slices, words))
    digest = _digest(cell) if found else ""
    return [
        CellFigure(name=name, words=words, digest=digest, maker=maker, cell=cell)
        for name, maker, words in found
    ]


def learning_curves(cell: CellResult) -> Figure:
    """Draw the objective over steps: replicates in colour, search trials grey, pruned ones faint.

    A single step is a point, not a curve: trials that never report twice are left out.
    """
    search = [t for t in cell.search if _has_curve(t)]
    replicates = [t for t in cell.replicates if _has_curve(t)]
    figure, (axes,) = _figure()
    for trial in search:
        pruned = trial.state == "pruned"
        axes.plot(
            trial.curve.steps,
            trial.curve.values,
            color=GREY,
            alpha=0.35 if pruned else 0.8,
            linewidth=1.0,
            linestyle=":" if pruned else "-",
        )
        axes.plot(*_last_point(trial), "x" if pruned else ".", color=GREY, markersize=4)
    for k, trial in enumerate(replicates):
        colour = _REPLICATE_COLOURS[k % len(_REPLICATE_COLOURS)]
        label = f"replicate {trial.index}"
        axes.plot(trial.curve.steps, trial.curve.values, color=colour, linewidth=1.8, label=label)
    for state, style, alpha in (("complete", "-", 0.8), ("pruned", ":", 0.6)):
        if any(t.state == state for t in search):
            axes.plot([], [], style, color=GREY, alpha=alpha, label=f"search, {state}")
    axes.set_xlabel("step")
    axes.locator_params(axis="x", integer=True)
    axes.set_ylabel(cell.objective)
    _legend(axes)
    return figure


def search_history(cell: CellResult) -> Figure:
    """Draw the objective of each search trial in order, with the best so far."""
    trials = _valued(cell)
    figure, (axes,) = _figure()
    for state, marker, colour in (("complete", "o", BLUE), ("pruned", "x", GREY)):
        chosen = [t for t in trials if t.state == state]
        if chosen:
            x, y = [t.index for t in chosen], [_value(t) for t in chosen]
            axes.plot(x, y, marker, color=colour, label=state, markersize=5)
    finished = [t for t in trials if t.state == "complete"]
    if finished:
        best = _best_so_far([_value(t) for t in finished], cell.mode)
        x = [t.index for t in finished]
        axes.step(x, best, where="post", color=VERMILION, label="best so far")
    axes.set_xlabel("search trial")
    axes.set_ylabel(cell.objective)
    axes.locator_params(axis="x", integer=True)
    _legend(axes)
    return figure


def parameter_slices(cell: CellResult) -> Figure:
    """Draw the objective against each searched parameter, one panel each; the chosen value marked.

    At most six panels; parameters that never varied have none.
    """
    trials = _valued(cell)
    names = _varied(trials)[:_MAX_PARAMETERS]
    columns = min(2, len(names))
    rows = math.ceil(len(names) / columns)
    size = (_SIZE_IN[0], max(_SIZE_IN[1], 2.2 * rows))
    figure, panels = _figure(size, rows, columns)
    for axes, name in zip(panels, names, strict=False):
        _slice(axes, name, trials, cell)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel(cell.objective)
    return figure


def _slice(axes: Axes, name: str, trials: list[TrialResult], cell: CellResult) -> None:
    having = [t for t in trials if name in t.params]
    numeric = all(_is_number(t.params[name]) for t in having)
    levels = sorted({str(t.params[name]) for t in having})

    def position(value: Any) -> float:
        return float(value) if numeric else float(levels.index(str(value)))

    for state, marker, colour in (("complete", "o", BLUE), ("pruned", "x", GREY)):
        shown = [t for t in having if t.state == state]
        x, y = [position(t.params[name]) for t in shown], [_value(t) for t in shown]
        axes.plot(x, y, marker, color=colour, markersize=5)
    if name in cell.chosen and (numeric or str(cell.chosen[name]) in levels):
        axes.axvline(position(cell.chosen[name]), color=VERMILION, linewidth=1, linestyle="--")
    if not numeric:
        axes.set_xticks(range(len(levels)), levels)
    elif _spans_decades([float(t.params[name]) for t in having]):
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xlabel(name)


def _has_curve(trial: TrialResult) -> bool:
    return len(trial.curve.steps) > 1


def _valued(cell: CellResult) -> list[TrialResult]:
    return [t for t in cell.search if math.isfinite(_value(t))]


def _digest(cell: CellResult) -> str:
    """Return a digest that changes when the figures of a cell would."""
    trials = [
        (t.index, t.state, t.value, sorted(t.params.items()), t.curve)
        for t in (*cell.search, *cell.replicates)
    ]
    drawn = repr((cell.objective, cell.mode, sorted(cell.chosen.items()), trials))
    return hashlib.sha256(_code() + drawn.encode()).hexdigest()


@cache
def _code() -> bytes:
    return b"".join(Path(file).read_bytes() for file in (__file__, figure_style.__file__))


def _value(trial: TrialResult) -> float:
    return math.nan if trial.value is None else trial.value


def _varied(trials: list[TrialResult]) -> list[str]:
    names = dict.fromkeys(name for t in trials for name in t.params)
    return [n for n in names if len({str(t.params[n]) for t in trials if n in t.params}) > 1]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spans_decades(values: list[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= 30


def _best_so_far(values: list[float], mode: str) -> list[float]:
    better = max if mode == "max" else min
    best: list[float] = []
    for value in values:
        best.append(value if not best else better(best[-1], value))
    return best


def _last_point(trial: TrialResult) -> tuple[list[int], list[float]]:
    return [trial.curve.steps[-1]], [trial.curve.values[-1]]


def _figure(
    size: tuple[float, float] = _SIZE_IN, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    figure.subplots(rows, columns)
    for axes in figure.axes:
        plain_axes(axes)
    return figure, figure.axes


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=SMALL, frameon=False)
