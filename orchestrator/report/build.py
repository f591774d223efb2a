"""Writes the report of a study: the page, the numbers as CSV, the tables as LaTeX, the figures."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.report.cell_figures import cell_figures
from orchestrator.report.csv_file import results_csv
from orchestrator.report.figure_format import inline_svg, svg
from orchestrator.report.html import PageFigure, report_page
from orchestrator.report.latex import table_latex
from orchestrator.report.results import StudyResults
from orchestrator.report.table import build_tables
from search_spaces.study import Study
from trainables.errors import StorageError


def build_report(results: StudyResults, study: Study, folder: Path) -> list[Path]:
    """Write ``report.html``, ``results.csv``, ``tables/*.tex`` and ``figures/*`` into a folder.

    Returns:
        The files written, the page first.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write_all(results, study, folder)
    except OSError as error:
        raise StorageError(f"cannot write the report to {folder}: {error.strerror}") from error


def _write_all(results: StudyResults, study: Study, folder: Path) -> list[Path]:
    files: dict[Path, str] = {}
    inline: dict[str, list[PageFigure]] = {}
    for cell in results.cells:
        for name, (figure, words) in cell_figures(cell).items():
            text = svg(figure)
            file = f"{_file_name(cell.name)}-{name}-{cell.cell[:8]}.svg"
            files[folder / "figures" / file] = text
            shown = PageFigure(svg=inline_svg(text, f"{cell.name}: {words}"), words=words)
            inline.setdefault(cell.cell, []).append(shown)
    for table in build_tables(results, study):
        files[folder / "tables" / f"{_file_name(table.name)}.tex"] = table_latex(table)
    page = {folder / "report.html": report_page(results, study, inline)}
    numbers = {folder / "results.csv": results_csv(results, study)}
    written = {**page, **numbers, **files}
    for path, content in written.items():
        _write(path, content)
    return list(written)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.=+-]+", "_", text)[:150]


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)
