"""The table of an experiment: rows and columns as the paper has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from orchestrator.report.results import CellResult, ImportedValues, StudyResults
from orchestrator.report.statistics import Statistic, summarise
from orchestrator.report.table import Entry, EntryStatus, Table, arrange
from search_spaces.study import Experiment


def build_table(results: StudyResults, experiment: Experiment) -> Table:
    """Return the table of one experiment."""
    return arrange(experiment, partial(_entry, results, experiment))


def _entry(
    results: StudyResults, experiment: Experiment, levels: Mapping[str, str]
) -> Entry | None:
    published = experiment.published.get(tuple(levels.values()))
    cell = results.at(experiment.name, levels)
    imported = results.imported_values(experiment.name, levels)
    if cell is None:
        if experiment.configure(levels) is None:
            return None
        return Entry(
            levels=levels,
            status="not run",
            note="not run",
            metric=imported[0].metric if imported else "",
            published=published,
            imported=_summaries(imported),
        )
    metric = next(
        p.metric
        for p in cell.places
        if p.experiment == experiment.name and dict(p.levels) == dict(levels)
    )
    status, note = _status(cell, metric)
    statistic = summarise(cell.values(metric)) if status == "number" else None
    return Entry(
        levels=levels,
        status=status,
        note=note,
        metric=metric,
        statistic=statistic,
        published=published,
        imported=_summaries(imported),
        cell=cell,
    )


def _summaries(imported: Iterable[ImportedValues]) -> tuple[Statistic, ...]:
    statistics = (summarise(found.values) for found in imported)
    return tuple(statistic for statistic in statistics if statistic is not None)


def _status(cell: CellResult, metric: str) -> tuple[EntryStatus, str]:
    if cell.state == "failed":
        return "failed", f"failed: {cell.reason}" if cell.reason else "failed"
    if cell.state == "running":
        done = sum(trial.state in ("complete", "pruned") for trial in cell.search)
        counts = [f"{done} search trials"] if cell.search else []
        counts.append(f"{len(cell.replicates)} replicates")
        return "unfinished", f"unfinished: {', '.join(counts)} so far"
    if not cell.values(metric):
        return "no metric", f"no replicate returned {metric}"
    return "number", ""
