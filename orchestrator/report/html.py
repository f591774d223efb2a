"""The report as one HTML page that needs no network and no other file."""

from __future__ import annotations

import base64
import dataclasses
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator.report import number, page_facts
from orchestrator.report.findings import Findings
from orchestrator.report.galleries import ExperimentGallery, GalleryPicture
from orchestrator.report.page_figure import PageFigure
from orchestrator.report.results import CellResult
from orchestrator.report.selection_tables import title as selection_title
from orchestrator.report.table import (
    IMPORTED_LEGEND,
    INTERVALS,
    LEGEND,
    Table,
    header_spans,
    idle_text,
)
from orchestrator.report.verdict import MEANINGS, SYMBOLS
from orchestrator.selection import Selection
from search_spaces.study import Study

if TYPE_CHECKING:
    from jinja2 import Template

_FEW = 30
"""Cells that are listed at once; more are folded by experiment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _CellView:
    """What the page says about one cell."""

    result: CellResult
    statistic: str
    commands: tuple[str, ...]
    figures: tuple[PageFigure, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _CellGroup:
    """The cells whose first place is in one experiment."""

    name: str
    counts: str
    cells: tuple[_CellView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageContent:
    """What the page shows of the results beside their tables.

    Args:
        study_figures: experiment -> its figures; under the empty name, those of the study.
        cell_figures: cell id -> its figures.
        galleries: pictures that trials left, by experiment; some of them become part of the page.
    """

    study_figures: Mapping[str, Sequence[PageFigure]]
    cell_figures: Mapping[str, Sequence[PageFigure]]
    galleries: Sequence[ExperimentGallery]


def report_page(findings: Findings, content: PageContent) -> str:
    """Return the page."""
    from markupsafe import Markup

    results, study, tables = findings.results, findings.study, findings.tables
    return _template("page.html.jinja").render(
        study=study,
        results=results,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        glance=page_facts.glance(results, tables),
        tables=tables,
        legend={label: LEGEND[label] for label in _labels(tables)},
        figures=content.study_figures,
        groups=_groups(findings, content),
        few=len(results.cells) <= _FEW,
        intervals=INTERVALS,
        meanings=_meanings(tables),
        symbols=SYMBOLS,
        data=page_facts.unique(results, "data"),
        weights=page_facts.unique(results, "weights"),
        provenance=page_facts.provenance(results),
        failures=page_facts.failures(results),
        number=number,
        spans=header_spans,
        idle_text=idle_text,
        has_imported=any(table.has_imported for table in tables),
        imported_legend=IMPORTED_LEGEND,
        selection=findings.selection,
        selection_title=selection_title,
        galleries=content.galleries,
        inline_picture=_inline_picture,
        imports=page_facts.imports(results),
        raw=Markup,
    )


def _labels(tables: Sequence[Table]) -> list[str]:
    seen = {label for table in tables for label in table.labels}
    return [label for label in LEGEND if label in seen]


def _meanings(tables: Sequence[Table]) -> dict[str, str]:
    """Return what each verdict that appears means."""
    seen = {e.verdict.word for t in tables for e in t.entries if e.verdict is not None}
    return {word: text for word, text in MEANINGS.items() if word in seen}


def gallery_page(study: Study, experiment: ExperimentGallery) -> str:
    """Return the page of all pictures of an experiment, which lie in folders beside it."""
    return _template("gallery_page.html.jinja").render(
        study=study, experiment=experiment, linked_picture=_linked_picture
    )


def _inline_picture(picture: GalleryPicture) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.path.read_bytes()).decode()}"


def _linked_picture(picture: GalleryPicture) -> str:
    return quote(picture.file)


def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("orchestrator.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _groups(findings: Findings, content: PageContent) -> list[_CellGroup]:
    numbers: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for entry in (entry for table in findings.tables for entry in table.entries):
        if entry.cell is not None and entry.statistic is not None:
            mean, spread = number.mean_text(entry.statistic), number.spread_text(entry.statistic)
            numbers[entry.cell.cell][f"{entry.metric} {mean} {spread}"] = None
    members: dict[str, list[_CellView]] = {e.name: [] for e in findings.study.experiments}
    for cell in findings.results.cells:
        view = _CellView(
            result=cell,
            statistic="; ".join(numbers[cell.cell]),
            commands=tuple(
                rerun_command(findings.study.name, cell, p.experiment, p.levels)
                for p in cell.places
            ),
            figures=tuple(content.cell_figures.get(cell.cell, ())),
        )
        # A table that the study no longer has may still be in the store.
        members.setdefault(cell.name.split("/")[0], []).append(view)
    return [
        _CellGroup(name=name, counts=_counts(views), cells=tuple(views))
        for name, views in members.items()
        if views
    ]


def _counts(views: Sequence[_CellView]) -> str:
    """Return ``12 cells: 10 complete, 2 failed``."""
    states = Counter(view.result.state for view in views)
    listed = ", ".join(f"{n} {state}" for state, n in states.most_common())
    return f"{len(views)} {'cell' if len(views) == 1 else 'cells'}: {listed}"


def rerun_command(study: str, cell: CellResult, experiment: str, levels: Mapping[str, str]) -> str:
    """Return the command that runs this cell as it was run here."""
    only = {"experiment": (experiment,), **{name: (level,) for name, level in levels.items()}}
    selection = Selection.from_json({"study": study, **cell.selection, "only": only})
    if cell.recipe != "grid":
        selection = dataclasses.replace(selection, recipe=cell.recipe)  # type: ignore[arg-type]
    return shlex.join(["xenograft", "run", *selection.to_arguments()])
