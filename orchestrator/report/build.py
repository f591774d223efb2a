"""Writes the report of a study: the page, the numbers as CSV, the tables as LaTeX, the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from orchestrator.report.cell_figures import CellFigure, cell_figures
from orchestrator.report.cell_files import cells_csv, metrics_csv
from orchestrator.report.csv_file import results_csv
from orchestrator.report.figure_format import inline_svg, svg, svg_width_in
from orchestrator.report.file_name import file_name
from orchestrator.report.findings import Findings
from orchestrator.report.galleries import GALLERIES, fetch_galleries
from orchestrator.report.html import PageContent, gallery_page, report_page
from orchestrator.report.latex import table_latex
from orchestrator.report.page_figure import PageFigure
from orchestrator.report.pair_table import pairs_csv
from orchestrator.report.results import StudyResults
from orchestrator.report.selection_tables import selection_csv
from orchestrator.report.study_figures import ReportFigure, study_figures
from trainables.errors import StorageError

_MOST_INLINE = 150
"""Cells whose figures are in the page: they make it about 5 MB."""


def build_report(
    findings: Findings, folder: Path, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Write the page, the numbers as CSV, ``tables/*.tex`` and ``figures/*`` into a folder.

    ``results.csv`` has the numbers of the tables, ``cells.csv`` what each cell stands on,
    ``metrics.csv`` every metric of each cell.
    Where runs left logs for it, ``model_selection.csv`` too; where they left pictures,
    ``galleries/*``; where the study compares levels, ``comparisons.csv``.

    Args:
        progress: called with how many cells have their figures, and how many there are.

    Returns:
        The files written, the page first.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write_all(findings, folder, progress or _unheard)
    except OSError as error:
        raise StorageError(f"cannot write the report to {folder}: {error.strerror}") from error


def _unheard(done: int, total: int) -> None:
    del done, total


def _write_all(
    findings: Findings, folder: Path, progress: Callable[[int, int], None]
) -> list[Path]:
    results, study, tables = findings.results, findings.study, findings.tables
    files = {f"tables/{file_name(t.name)}.tex": table_latex(t) for t in tables}
    if findings.pairs:
        files["comparisons.csv"] = pairs_csv(findings.pairs)
    of_study = _study_figures(study_figures(findings), folder, files)
    of_cells = _cell_figures(results, folder, files, progress)
    if findings.selection:
        files["model_selection.csv"] = selection_csv(findings.selection)
    galleries = fetch_galleries(results, study, folder / GALLERIES)
    files |= {gallery.file: gallery_page(study, gallery) for gallery in galleries}
    shown = PageContent(study_figures=of_study, cell_figures=of_cells, galleries=galleries)
    written = {
        "report.html": report_page(findings, shown),
        "results.csv": results_csv(tables),
        "cells.csv": cells_csv(results),
        "metrics.csv": metrics_csv(results),
        **files,
    }
    for name, content in written.items():
        _write(folder / name, content)
    return [folder / name for name in written]


def _study_figures(
    figures: Iterable[ReportFigure], folder: Path, files: dict[str, str]
) -> dict[str, list[PageFigure]]:
    """Write what the study declares into ``files`` and by the experiment it belongs to."""
    shown: dict[str, list[PageFigure]] = {}
    for figure in figures:
        name = "-".join(filter(None, [figure.of, figure.name]))
        file = f"figures/{file_name(name)}.svg"
        text = files[file] = _drawn(figure, folder / file)
        shown.setdefault(figure.of, []).append(
            PageFigure(
                file=file,
                title=figure.title,
                words=figure.words,
                labels=figure.labels,
                width_in=svg_width_in(text),
                svg=inline_svg(text, f"{figure.title}. {figure.words}"),
            )
        )
    return shown


def _cell_figures(
    results: StudyResults,
    folder: Path,
    files: dict[str, str],
    progress: Callable[[int, int], None],
) -> dict[str, list[PageFigure]]:
    """Draw what each cell has to show; of many cells, the page only links the files."""
    shown: dict[str, list[PageFigure]] = {}
    inline = len(results.cells) <= _MOST_INLINE
    for done, cell in enumerate(results.cells, start=1):
        for figure in cell_figures(cell):
            file = f"figures/{file_name(cell.name)}-{figure.name}-{cell.cell[:8]}.svg"
            text = files[file] = _drawn(figure, folder / file)
            words = f"{cell.name}: {figure.words}"
            shown.setdefault(cell.cell, []).append(
                PageFigure(
                    file=file,
                    title=figure.name,
                    words=figure.words,
                    svg=inline_svg(text, words) if inline else "",
                )
            )
        progress(done, len(results.cells))
    return shown


def _drawn(figure: CellFigure | ReportFigure, path: Path) -> str:
    """Return the SVG of a figure: the file there, if an earlier report drew it of the same."""
    digest = figure.digest
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        if digest in text:
            return text
    return svg(figure.draw(), digest)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)
