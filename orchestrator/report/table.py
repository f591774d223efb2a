"""One table per experiment: rows and columns as the paper has them, ours beside the published."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.report.results import CellResult, StudyResults
from orchestrator.report.statistics import Statistic, summarise
from search_spaces.study import Experiment, Factor, Published, Study

EntryStatus = Literal["number", "unfinished", "failed", "not run", "no metric"]

LEGEND: Mapping[str, str] = {
    "synthetic": "made on generated pictures: shows that the method runs, not what it is worth",
    "twin": "made with a tiny stand-in for the backbone: not comparable with the paper",
    "random": "the backbone started from random weights",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One cell of a table.

    Args:
        note: what is known where there is no number.
    """

    levels: Mapping[str, str]
    status: EntryStatus
    note: str = ""
    metric: str = ""
    statistic: Statistic | None = None
    published: Published | None = None
    cell: CellResult | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What must stand beside the number."""
        return self.cell.labels if self.cell is not None and self.statistic is not None else ()

    @property
    def agrees(self) -> bool | None:
        """Whether the published value lies in our 95 % interval; None if that says nothing."""
        if self.published is None or self.statistic is None or self.cell is None:
            return None
        return self.statistic.covers(self.published.value) if self.cell.comparable else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """An experiment's table.

    Args:
        row_factors, column_factors: names of the factors down the side and across the top.
        columns: titles of the column factors' levels, one tuple per column; one empty tuple when
            every factor is a row factor.
        rows: titles of the row factors' levels, and the entries; None where the paper has none.
    """

    name: str
    title: str
    row_factors: tuple[str, ...]
    column_factors: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Entry | None, ...]], ...]

    @property
    def entries(self) -> list[Entry]:
        """Every entry, row by row."""
        return [entry for _, entries in self.rows for entry in entries if entry is not None]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics its numbers are, in order of appearance."""
        return tuple(dict.fromkeys(e.metric for e in self.entries if e.metric))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that appear in it, in the order of the legend."""
        seen = {label for entry in self.entries for label in entry.labels}
        return tuple(label for label in LEGEND if label in seen)


def header_spans(columns: Sequence[tuple[str, ...]], depth: int) -> list[tuple[str, int]]:
    """Return (title, number of columns below it) of one line of the column headers."""
    groups = itertools.groupby(columns, key=lambda column: column[: depth + 1])
    return [(key[-1], len(list(members))) for key, members in groups]


def build_tables(results: StudyResults, study: Study) -> list[Table]:
    """Return the tables of the experiments that have any result, in the study's order."""
    ran = {place.experiment for cell in results.cells for place in cell.places}
    return [build_table(results, e) for e in study.experiments if e.name in ran]


def build_table(results: StudyResults, experiment: Experiment) -> Table:
    """Return the table of one experiment."""
    down = [f for f in experiment.factors if f.name not in experiment.columns]
    across = sorted(
        (f for f in experiment.factors if f.name in experiment.columns),
        key=lambda f: experiment.columns.index(f.name),
    )
    grid = {
        (row, column): _entry(
            results, experiment, _levels(experiment, [*down, *across], [*row, *column])
        )
        for row in itertools.product(*(f.levels for f in down))
        for column in itertools.product(*(f.levels for f in across))
    }
    columns = [c for c in dict.fromkeys(c for _, c in grid) if _any(grid, column=c)]
    rows = [r for r in dict.fromkeys(r for r, _ in grid) if _any(grid, row=r)]
    return Table(
        name=experiment.name,
        title=experiment.title,
        row_factors=tuple(f.name for f in down),
        column_factors=tuple(f.name for f in across),
        columns=tuple(tuple(f.title(v) for f, v in zip(across, c, strict=True)) for c in columns),
        rows=tuple(
            (
                tuple(f.title(v) for f, v in zip(down, row, strict=True)),
                tuple(grid[row, column] for column in columns),
            )
            for row in rows
        ),
    )


_Grid = Mapping[tuple[tuple[str, ...], tuple[str, ...]], Entry | None]


def _any(
    grid: _Grid, row: tuple[str, ...] | None = None, column: tuple[str, ...] | None = None
) -> bool:
    return any(
        entry is not None
        for (r, c), entry in grid.items()
        if row in (None, r) and column in (None, c)
    )


def _levels(
    experiment: Experiment, factors: Sequence[Factor], levels: Sequence[str]
) -> dict[str, str]:
    """Return levels by factor name, in the order of the experiment's factors."""
    chosen = {factor.name: level for factor, level in zip(factors, levels, strict=True)}
    return {factor.name: chosen[factor.name] for factor in experiment.factors}


def _entry(
    results: StudyResults, experiment: Experiment, levels: Mapping[str, str]
) -> Entry | None:
    published = experiment.published.get(tuple(levels.values()))
    cell = results.at(experiment.name, levels)
    if cell is None:
        if experiment.configure(levels) is None:
            return None
        return Entry(levels=levels, status="not run", note="not run", published=published)
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
        cell=cell,
    )


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
