"""What a table of the report is: entries in rows and columns, ours beside the published."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.report.results import CellResult
from orchestrator.report.statistics import Statistic
from orchestrator.report.verdict import Verdict, tally
from search_spaces.derived import Derived
from search_spaces.study import Experiment, Factor, Published

EntryStatus = Literal["number", "unfinished", "failed", "not run", "no metric", "undefined"]

IntervalKind = Literal["student", "bootstrap"]

INTERVALS: Mapping[IntervalKind, str] = {
    "student": "95 % interval of the mean (Student's t)",
    "bootstrap": "95 % interval by percentile bootstrap over replicates",
}

IMPORTED_LEGEND = (
    "read from the logs of another program, not run here: it stands beside our number and is in "
    "no mean of ours"
)

LEGEND: Mapping[str, str] = {
    "synthetic": "made on generated pictures: shows that the method runs, not what it is worth",
    "twin": "made with a tiny stand-in for the backbone: not comparable with the paper",
    "random": "the backbone started from random weights",
    "stopped-early": "no trial of the search finished: chosen of those that were stopped early",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One cell of a table.

    Args:
        note: what is known where there is no number.
        cell: the cell whose number it is; None for a derived one.
        under: the cells that a derived number was computed from.
        imported: the same number from logs of another program, one of each setting.
        verdict: on the number beside the published one; None where one of them is absent.
    """

    levels: Mapping[str, str]
    status: EntryStatus
    note: str = ""
    metric: str = ""
    statistic: Statistic | None = None
    published: Published | None = None
    cell: CellResult | None = None
    under: tuple[CellResult, ...] = ()
    imported: tuple[Statistic, ...] = ()
    verdict: Verdict | None = None

    @property
    def cells(self) -> tuple[CellResult, ...]:
        """The cells it stands on."""
        return self.under if self.cell is None else (self.cell,)

    @property
    def labels(self) -> tuple[str, ...]:
        """What must stand beside the number."""
        return () if self.statistic is None else shared_labels(self.cells)


def shared_labels(cells: Iterable[CellResult]) -> tuple[str, ...]:
    """Return what must stand beside what several cells make together.

    Random weights are often one side of a comparison: it is called random only if all of it is.
    """
    found = [set(cell.labels) for cell in cells]
    everywhere = set.intersection(*found) if found else set()
    anywhere = set().union(*found) - {"random"}
    return tuple(label for label in LEGEND if label in everywhere | anywhere)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The table of an experiment, or a derived one.

    Args:
        interval: what the 95 % intervals of its numbers are.
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
    interval: IntervalKind = "student"

    def with_verdicts(self, verdicts: Mapping[int, Verdict]) -> Table:
        """Return the table with verdicts on entries, by their index among all of them."""
        index = itertools.count()
        rows = tuple(
            (
                titles,
                tuple(
                    e if e is None else replace(e, verdict=verdicts.get(next(index))) for e in es
                ),
            )
            for titles, es in self.rows
        )
        return replace(self, rows=rows)

    def begun(self) -> tuple[Table, int]:
        """Return the table without the rows in which nothing was run, and how many these are.

        A part of a study is often run alone; a whole page of "not run" would hide its numbers.
        """
        rows = tuple(row for row in self.rows if any(_begun(entry) for entry in row[1]))
        return replace(self, rows=rows), len(self.rows) - len(rows)

    @property
    def entries(self) -> list[Entry]:
        """Every entry, row by row."""
        return [entry for _, entries in self.rows for entry in entries if entry is not None]

    @property
    def has_imported(self) -> bool:
        """Whether a number from logs of another program stands in it."""
        return any(entry.imported for entry in self.entries)

    @property
    def verdicts(self) -> str:
        """How many verdicts there are of each kind; empty if there is none."""
        return tally(entry.verdict for entry in self.entries if entry.verdict is not None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics its numbers are, in order of appearance."""
        return tuple(dict.fromkeys(e.metric for e in self.entries if e.metric))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that appear in it, in the order of the legend."""
        seen = {label for entry in self.entries for label in entry.labels}
        return tuple(label for label in LEGEND if label in seen)


def idle_text(rows: int) -> str:
    """Return what is said of rows that are not shown; nothing if there are none."""
    if not rows:
        return ""
    return "1 row not run yet" if rows == 1 else f"{rows} rows not run yet"


def _begun(entry: Entry | None) -> bool:
    return entry is not None and (entry.status != "not run" or bool(entry.imported))


def header_spans(columns: Sequence[tuple[str, ...]], depth: int) -> list[tuple[str, int]]:
    """Return (title, number of columns below it) of one line of the column headers."""
    groups = itertools.groupby(columns, key=lambda column: column[: depth + 1])
    return [(key[-1], len(list(members))) for key, members in groups]


def arrange(of: Experiment | Derived, entry: Callable[[Mapping[str, str]], Entry | None]) -> Table:
    """Return the table of entries by levels, without rows and columns that have none.

    Args:
        entry: levels by factor name, in the order of the factors -> what stands there; None where
            there is no such combination.
    """
    down = [f for f in of.factors if f.name not in of.columns]
    across = sorted(
        (f for f in of.factors if f.name in of.columns), key=lambda f: of.columns.index(f.name)
    )
    grid = {
        (row, column): entry(_levels(of.factors, [*down, *across], [*row, *column]))
        for row in itertools.product(*(f.levels for f in down))
        for column in itertools.product(*(f.levels for f in across))
    }
    kept = [place for place, found in grid.items() if found is not None]
    columns = [c for c in dict.fromkeys(c for _, c in grid) if c in {column for _, column in kept}]
    rows = list(dict.fromkeys(row for row, _ in kept))
    return Table(
        name=of.name,
        title=of.title,
        row_factors=tuple(f.name for f in down),
        column_factors=tuple(f.name for f in across),
        columns=tuple(_titles(across, column) for column in columns),
        rows=tuple(
            (_titles(down, row), tuple(grid[row, column] for column in columns)) for row in rows
        ),
        interval="bootstrap" if isinstance(of, Derived) else "student",
    )


def _titles(factors: Sequence[Factor], levels: Sequence[str]) -> tuple[str, ...]:
    return tuple(f.title(level) for f, level in zip(factors, levels, strict=True))


def _levels(
    order: Sequence[Factor], factors: Sequence[Factor], levels: Sequence[str]
) -> dict[str, str]:
    """Return levels by factor name, in the given order of factors."""
    chosen = {factor.name: level for factor, level in zip(factors, levels, strict=True)}
    return {factor.name: chosen[factor.name] for factor in order}
