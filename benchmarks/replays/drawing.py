"""The figure of a replay: best so far over the budget, a column of panels per task.

Axes: s seeds, x budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from replays.statistics import mean_band
from replays.tables import Floats

from orchestrator.report.figure_format import svg
from orchestrator.report.figure_style import INK, LINE_COLOURS, SMALL, in_style, plain_axes

GREY_INK = "#7d7d7d"
"""Legible on a white page and on a black one."""


def draw(
    panels: Mapping[tuple[str, str], Mapping[str, Floats]], budget_x: Floats, path: Path
) -> None:
    """Write mean lines with their bands as an SVG file.

    Args:
        panels: (task, what is measured) -> title of a search -> values_sx.
    """
    figure = in_style(lambda: _figure(panels, budget_x))
    path.write_text(svg(figure).replace(INK, GREY_INK))


def _figure(panels: Mapping[tuple[str, str], Mapping[str, Floats]], budget_x: Floats) -> Figure:
    tasks = list(dict.fromkeys(task for task, _ in panels))
    rows = len(panels) // len(tasks)
    figure = Figure(figsize=(4.2 * len(tasks), 2.6 * rows + 0.6), layout="constrained")
    every = figure.subplots(rows, len(tasks), sharex=True, squeeze=False)
    for number, ((task, measured), lines) in enumerate(panels.items()):
        column, row = divmod(number, rows)
        axes = every[row, column]
        plain_axes(axes)
        for colour, (title, values_sx) in zip(LINE_COLOURS, lines.items(), strict=False):
            low_x, high_x = mean_band(values_sx)
            axes.plot(budget_x, values_sx.mean(axis=0), color=colour, linewidth=1.2, label=title)
            axes.fill_between(budget_x, low_x, high_x, color=colour, alpha=0.15, linewidth=0)
        axes.set_ylabel(measured, fontsize=SMALL)
        if not row:
            axes.set_title(task, fontsize=SMALL + 1)
        if row == rows - 1:
            axes.set_xlabel("budget, whole trainings", fontsize=SMALL)
    handles, labels = every[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=3, fontsize=SMALL, frameon=False
    )
    return figure
