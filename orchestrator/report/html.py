"""The report as one HTML page that needs no network and no other file."""

from __future__ import annotations

import base64
import dataclasses
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from orchestrator.report import number
from orchestrator.report.collector import SelectionTable
from orchestrator.report.galleries import ExperimentGallery, GalleryPicture
from orchestrator.report.page_figure import PageFigure
from orchestrator.report.results import CellResult, DataSource, StudyResults, WeightsSource
from orchestrator.report.selection_tables import title as selection_title
from orchestrator.report.table import (
    IMPORTED_LEGEND,
    INTERVALS,
    LEGEND,
    Table,
    header_spans,
    idle_text,
)
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
    """What the page shows of the results.

    Args:
        study_figures: experiment -> its figures; under the empty name, those of the study.
        cell_figures: cell id -> its figures.
        selection: tables of model selection; empty where no run has the logs for it.
        galleries: pictures that trials left, by experiment; some of them become part of the page.
    """

    tables: Sequence[Table]
    study_figures: Mapping[str, Sequence[PageFigure]]
    cell_figures: Mapping[str, Sequence[PageFigure]]
    selection: Sequence[SelectionTable]
    galleries: Sequence[ExperimentGallery]


def report_page(results: StudyResults, study: Study, content: PageContent) -> str:
    """Return the page."""
    from markupsafe import Markup

    return _template("page.html.jinja").render(
        study=study,
        results=results,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        planned=_dates(results),
        tables=content.tables,
        legend={label: LEGEND[label] for label in _labels(content.tables)},
        figures=content.study_figures,
        groups=_groups(results, study, content),
        few=len(results.cells) <= _FEW,
        intervals=INTERVALS,
        data=_unique(results, "data"),
        weights=_unique(results, "weights"),
        provenance=_provenance(results),
        failures=_failures(results),
        effort=_effort(results),
        number=number,
        spans=header_spans,
        idle_text=idle_text,
        has_imported=any(table.has_imported for table in content.tables),
        imported_legend=IMPORTED_LEGEND,
        selection=content.selection,
        selection_title=selection_title,
        galleries=content.galleries,
        inline_picture=_inline_picture,
        imports=_imports(results),
        raw=Markup,
    )


def _labels(tables: Sequence[Table]) -> list[str]:
    seen = {label for table in tables for label in table.labels}
    return [label for label in LEGEND if label in seen]


def _dates(results: StudyResults) -> str:
    days = sorted({_day(cell.planned) for cell in results.cells})
    return " to ".join(dict.fromkeys([*days[:1], *days[-1:]]))


def _day(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d")


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


def _groups(results: StudyResults, study: Study, content: PageContent) -> list[_CellGroup]:
    numbers: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for entry in (entry for table in content.tables for entry in table.entries):
        if entry.cell is not None and entry.statistic is not None:
            mean, spread = number.mean_text(entry.statistic), number.spread_text(entry.statistic)
            numbers[entry.cell.cell][f"{entry.metric} {mean} {spread}"] = None
    members: dict[str, list[_CellView]] = {e.name: [] for e in study.experiments}
    for cell in results.cells:
        view = _CellView(
            result=cell,
            statistic="; ".join(numbers[cell.cell]),
            commands=tuple(
                rerun_command(study.name, cell, p.experiment, p.levels) for p in cell.places
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


def _effort(results: StudyResults) -> str:
    """Say what the numbers cost; the hours of trials that ran side by side add up."""
    search = [trial for cell in results.cells for trial in cell.search]
    replicates = [trial for cell in results.cells for trial in cell.replicates]
    failed = sum(len(cell.failed) for cell in results.cells)
    hours = sum(trial.hours or 0.0 for trial in (*search, *replicates))
    pruned = sum(trial.state == "pruned" for trial in search)
    return (
        f"{len(results.cells)} cells, {len(search)} search trials ({pruned} stopped early), "
        f"{len(replicates)} replicates, {failed or 'no'} failed trials; "
        f"{number.duration_text(hours)} of trial time"
    )


def _unique(results: StudyResults, attribute: str) -> list[DataSource | WeightsSource]:
    found = {item: None for cell in results.cells for item in getattr(cell, attribute)}
    return sorted(found, key=str)


def _provenance(results: StudyResults) -> dict[str, str]:
    """Return what the cells ran on; a fact that differs between them lists every value."""
    values: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for cell in results.cells:
        for name, value in cell.provenance.items():
            values[name][value] = None
    return {name: ", ".join(values[name]) for name in sorted(values)}


def _imports(results: StudyResults) -> list[Mapping[str, str]]:
    """Return what is known of each import, once."""
    found = {tuple(sorted(cell.provenance.items())): None for cell in results.imported}
    return [dict(facts) for facts in found]


def _failures(results: StudyResults) -> list[dict[str, Any]]:
    by_kind: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for cell in results.cells:
        for trial in cell.failed:
            text = trial.error.strip().splitlines()
            by_kind[trial.failure].append((cell.name, text[-1] if text else ""))
    counted = sorted(by_kind.items(), key=lambda item: -len(item[1]))
    return [{"kind": kind, "trials": trials} for kind, trials in counted]
