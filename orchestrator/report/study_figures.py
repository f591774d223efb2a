"""The figures a study declares, drawn from its results."""

from __future__ import annotations

import hashlib
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.report.curve_panels import draw_curves
from orchestrator.report.derived_bars import derived_bars, draw_bars
from orchestrator.report.facets import Page, pages
from orchestrator.report.factor_curves import factor_panels
from orchestrator.report.figure_style import SMALL, in_style
from orchestrator.report.findings import Findings
from orchestrator.report.gain_scatter import draw_scatter, scatter
from orchestrator.report.heat_maps import draw_matrices, matrix_panels
from orchestrator.report.layer_curves import layer_panels
from orchestrator.report.pair_figure import MATRIX_WORDS, draw_pairs
from orchestrator.report.pair_table import PairTable
from orchestrator.report.results import StudyResults
from orchestrator.report.table import LEGEND, Entry, Table, shared_labels
from search_spaces.figures import (
    DerivedBars,
    ExperimentFigure,
    FactorCurves,
    GainScatter,
    HeatMaps,
    LayerCurves,
)
from search_spaces.study import Experiment, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFigure:
    """A figure of the report, not yet drawn.

    Args:
        of: name of the experiment it belongs to; empty for one of the study.
        name: unique among the figures of ``of``.
        words: what it shows and how to read it.
        labels: what the numbers in it stand on, as beside numbers of tables.
        drawing: a function and all it draws, as plain data.
    """

    of: str
    name: str
    title: str
    words: str
    labels: tuple[str, ...]
    drawing: partial[Figure]

    @property
    def digest(self) -> str:
        """Digest of what it is drawn from and of the code that draws it."""
        import numpy as np

        drawing = self.drawing
        with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
            drawn = repr((drawing.func.__name__, drawing.args, drawing.keywords, self.labels))
        return hashlib.sha256(_code() + drawn.encode()).hexdigest()

    def draw(self) -> Figure:
        """Draw it; takes seconds where it has many panels."""
        return in_style(lambda: _stamp(self.drawing(), self.labels))


@cache
def _code() -> bytes:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return b"".join(file.read_bytes() for file in files)


def study_figures(findings: Findings) -> Iterator[ReportFigure]:
    """Yield the figures of experiments, then those of the study; what has no number is left out.

    Raises:
        TrackingError: an artifact of a trial cannot be read.
    """
    study = findings.study
    by_name = {table.name: table for table in findings.tables}
    pairs = {found.experiment: found for found in findings.pairs}
    for experiment in study.experiments:
        table = by_name.get(experiment.name)
        if table is not None:
            for figure in experiment.figures:
                for page in pages(experiment.factors, figure.factors, figure.panels):
                    yield from _page(figure, experiment, page, findings.results, table)
            if experiment.name in pairs:
                yield _pairs(pairs[experiment.name], table)
    for declared in study.figures:
        if isinstance(declared, GainScatter):
            yield _scatter(declared, study, by_name)
        elif declared.table in by_name:
            yield _bars(declared, study, by_name[declared.table])


def _pairs(found: PairTable, table: Table) -> ReportFigure:
    factor = found.factor
    named = {level for pair in found.pairs for level in (pair.first, pair.second)}
    labels = shared_labels(
        cell
        for entry in table.entries
        if entry.statistic is not None and entry.levels[factor.name] in named
        for cell in entry.cells
    )
    return ReportFigure(
        of=found.experiment,
        name="pairs",
        title=f"{found.title}: {factor.name} by {factor.name}",
        words=f"{MATRIX_WORDS} {found.words}",
        labels=labels,
        drawing=partial(draw_pairs, found.pairs, factor),
    )


def _page(
    figure: ExperimentFigure,
    experiment: Experiment,
    page: Page,
    results: StudyResults,
    table: Table,
) -> Iterator[ReportFigure]:
    """Yield one page of a declared figure; heat maps make one figure per matrix."""
    entries = [
        entry
        for entry in table.entries
        if entry.statistic is not None and page.levels.items() <= entry.levels.items()
    ]
    for part, drawing in _drawings(figure, experiment, page, results, entries):
        labels = shared_labels(cell for entry in entries for cell in entry.cells)
        titles = [figure.title, *page.titles, *([part] if part else [])]
        name = "-".join([figure.name, *page.levels.values(), *([part] if part else [])])
        yield ReportFigure(
            of=experiment.name,
            name=name,
            title=", ".join(titles),
            words=_words(figure, entries),
            labels=labels,
            drawing=drawing,
        )


def _drawings(
    figure: ExperimentFigure,
    experiment: Experiment,
    page: Page,
    results: StudyResults,
    entries: Sequence[Entry],
) -> Iterator[tuple[str, partial[Figure]]]:
    """Yield what there is to draw; the name of the part is empty where there is only one."""
    if isinstance(figure, FactorCurves):
        at = {frozenset(entry.levels.items()): entry for entry in entries}
        panels = factor_panels(figure, experiment, page, at)
        if panels:
            yield "", partial(draw_curves, panels, figure.x, log_x=figure.log_x)
    elif isinstance(figure, LayerCurves):
        panels = layer_panels(figure, experiment, page, results)
        if panels:
            yield "", partial(draw_curves, panels, "layer", bars=figure.bars)
    else:
        # An artifact holds all of the matrices: it is fetched once.
        results = replace(results, read_json=cache(results.read_json))
        for matrix in figure.matrices:
            found = matrix_panels(figure, matrix, experiment, page, results)
            if found:
                part = matrix if len(figure.matrices) > 1 else ""
                yield part, partial(draw_matrices, found, matrix)


def _bars(figure: DerivedBars, study: Study, table: Table) -> ReportFigure:
    derived = next(d for d in study.derived if d.name == figure.table)
    shown = derived_bars(figure, derived, table)
    factors = {f.name: f for f in derived.factors}
    where = [factors[name].title(level) for name, level in figure.where.items()]
    labels = shared_labels(cell for entry in shown.entries.values() for cell in entry.cells)
    # Without what the numbers stand on, which is not drawn.
    bare = {at: replace(entry, under=()) for at, entry in shown.entries.items()}
    return ReportFigure(
        of="",
        name=figure.name,
        title=", ".join([figure.title, *where]),
        words=f"{derived.title}; line: 95 % interval; diamond: the published value.",
        labels=labels,
        drawing=partial(draw_bars, replace(shown, entries=bare), derived.value_name),
    )


def _scatter(figure: GainScatter, study: Study, tables: Mapping[str, Table]) -> ReportFigure:
    derived = {d.name: d for d in study.derived}
    size, colour = derived[figure.size], derived[figure.colour]
    shown = scatter(figure, size, tables)
    names = (size.value_name, colour.value_name)
    words = (
        f"Over {figure.x_label}, {figure.y_label}; size of a marker: {size.title}; colour: "
        f"{colour.title}; ring: the published colour."
    )
    with_number = [entry for entry in shown.entries if entry.statistic is not None]
    labels = shared_labels(cell for entry in with_number for cell in entry.cells)
    return ReportFigure(
        of="",
        name=figure.name,
        title=figure.title,
        words=" ".join([words, *(f"{note[0].upper()}{note[1:]}." for note in shown.notes)]),
        labels=labels,
        drawing=partial(draw_scatter, figure, replace(shown, entries=()), names),
    )


def _stamp(figure: Figure, labels: Sequence[str]) -> Figure:
    """Write below a figure what its numbers stand on, because its file may travel alone."""
    # A letter is about 0.6 of the font's size wide.
    letters = int(72 * figure.get_figwidth() / (0.6 * SMALL))
    legend = (textwrap.fill(f"{label}: {LEGEND[label]}", letters) for label in labels)
    lines = [figure.get_supxlabel(), *legend]
    figure.supxlabel("\n".join(filter(None, lines)), fontsize=SMALL)
    return figure


def _words(figure: ExperimentFigure, entries: Sequence[Entry]) -> str:
    counts = [entry.statistic.n for entry in entries if entry.statistic is not None]
    least, most = min(counts, default=0), max(counts, default=0)
    n = f"n={least}" if least == most else f"n={least} to {most}"
    mean = f"mean over {n} replicates"
    panels = f" Panels: {' by '.join(figure.panels)}." if figure.panels else ""
    if isinstance(figure, HeatMaps):
        return f"{mean.capitalize()} of {figure.artifact}, {figure.kind}; blank: no value.{panels}"
    if isinstance(figure, FactorCurves):
        star = "; star: published" if any(entry.published for entry in entries) else ""
        metrics = ", ".join(dict.fromkeys(entry.metric for entry in entries))
        return f"{metrics} by {figure.x}; {mean}, band: ± one sample sd{star}.{panels}"
    spread = "line on a bar" if figure.bars else "band"
    return f"{figure.family} of each layer; {mean}, {spread}: ± one sample sd.{panels}"
