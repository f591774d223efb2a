"""Figures of a metric of every layer, in network order."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from orchestrator.report.curve_panels import CurvePanel, Series
from orchestrator.report.facets import Page, points
from orchestrator.report.results import CellResult, StudyResults
from orchestrator.report.statistics import summarise
from search_spaces.figures import LayerCurves
from search_spaces.study import Experiment

_FOLDER = re.compile(r"[A-Za-z_]+\.(?=\d)")
"""``blocks.`` of ``blocks.11.attn``: it tells no layers apart."""


def layer_panels(
    figure: LayerCurves, experiment: Experiment, page: Page, results: StudyResults
) -> list[CurvePanel]:
    """Return the panels of one page that have a complete cell with such metrics."""
    factors = {f.name: f for f in experiment.factors}
    colours = [factors[name] for name in figure.lines[:1]]
    dashes = [factors[name] for name in figure.lines[1:]]
    panels = []
    for facet in page.facets:
        found = []
        names: dict[int, str] = {}
        for colour, line in enumerate(points(colours)):
            for dash, other in enumerate(points(dashes)):
                levels = {**line, **other}
                cell = results.at(experiment.name, {**facet.levels, **levels})
                layers = layer_metrics(cell, figure.family, figure.kind)
                if cell is not None and layers:
                    label = ", ".join(factors[n].title(level) for n, level in levels.items())
                    found.append(_series(label, colour, dash, cell, layers))
                    names |= {position: name for position, (name, _) in layers.items()}
        if found:
            # Every position up to the last, so that positions are places of the axis.
            ticks = tuple(names.get(k, "") for k in range(max(names) + 1))
            y_label = figure.family if figure.kind is None else f"{figure.family}, {figure.kind}"
            panels.append(
                CurvePanel(facet=facet, y_label=y_label, series=tuple(found), ticks=ticks)
            )
    return panels


def layer_metrics(
    cell: CellResult | None, family: str, kind: str | None
) -> dict[int, tuple[str, str]]:
    """Return position -> (short name of the layer, name of its metric) of a complete cell."""
    if cell is None or cell.state != "complete":
        return {}
    end = "" if kind is None else f"/{re.escape(kind)}"
    pattern = re.compile(rf"{re.escape(family)}/(\d+)_([^/]+){end}")
    every = {name for replicate in cell.replicates for name in replicate.metrics}
    found = {name: match for name in every if (match := pattern.fullmatch(name))}
    ordered = sorted(found.items(), key=lambda item: int(item[1][1]))
    return {int(m[1]): (short_layer(m[2]), name) for name, m in ordered}


def short_layer(name: str) -> str:
    """Return a layer's name without what tells no layers apart: ``11.attn``."""
    return _FOLDER.sub("", name)


def _series(
    label: str, colour: int, dash: int, cell: CellResult, layers: Mapping[int, tuple[str, str]]
) -> Series:
    statistics = {
        position: summarise(cell.values(metric)) for position, (_, metric) in layers.items()
    }
    known = {position: s for position, s in statistics.items() if s is not None}
    return Series(
        label=label,
        colour=colour,
        dash=dash,
        x=tuple(float(position) for position in known),
        y=tuple(s.mean for s in known.values()),
        sd=tuple(math.nan if s.sd is None else s.sd for s in known.values()),
    )
