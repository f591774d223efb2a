"""The numbers of a study's tables as CSV: a line per place, the published number beside ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.report.csv_text import csv_text
from orchestrator.report.statistics import Statistic
from orchestrator.report.table import Entry, Table
from search_spaces.study import cell_key

_NUMBERS = ("n", "mean", "sd", "se", "ci95_low", "ci95_high")
_PUBLISHED = ("value", "error", "error_kind", "n", "source", "doubt")
_COMPARISON = ("difference", "low", "high", "p", "kind")
_WHERE = ("experiment", "place")
_FIELDS = (
    *("state", "metric", *_NUMBERS),
    *(f"published_{name}" for name in _PUBLISHED),
    *("verdict", "verdict_why", "verdict_p_holm"),
    *(f"verdict_{name}" for name in _COMPARISON),
    *("labels", "note", "cells"),
)

RESULTS_COLUMNS = (*_WHERE, *_FIELDS)
"""All columns but those of the levels, which stand before ``state`` as ``level.<factor>``."""


def results_csv(tables: Sequence[Table]) -> str:
    """Return the CSV text: a line per number, and per place that should have one.

    What was imported for a place has a line of its own. What a number stands on is in ``cells.csv``
    under the ids of ``cells``.
    """
    factors = dict.fromkeys(name for t in tables for e in t.entries for name in e.levels)
    levels = [f"level.{name}" for name in factors]
    lines = (line for table in tables for entry in table.entries for line in _lines(table, entry))
    return csv_text((*_WHERE, *levels, *_FIELDS), lines)


def _lines(table: Table, entry: Entry) -> Iterator[Mapping[str, object]]:
    where = {
        "experiment": table.name,
        "place": cell_key(table.name, tuple(entry.levels.items())),
        **{f"level.{name}": level for name, level in entry.levels.items()},
        "metric": entry.metric,
    }
    yield {
        **where,
        "state": entry.status,
        **({} if entry.statistic is None else _numbers(entry.statistic)),
        **_published(entry),
        "labels": " ".join(entry.labels),
        "note": entry.note,
        "cells": " ".join(cell.cell for cell in entry.cells),
    }
    for found in entry.imported:
        yield {**where, "state": "imported", **_numbers(found)}


def _numbers(statistic: Statistic) -> dict[str, object]:
    return {name: getattr(statistic, name) for name in _NUMBERS}


def _published(entry: Entry) -> dict[str, object]:
    if entry.published is None:
        return {}
    parts = {f"published_{name}": getattr(entry.published, name) for name in _PUBLISHED}
    verdict = entry.verdict
    if verdict is None:
        return parts
    said = {"verdict": verdict.word, "verdict_why": verdict.why, "verdict_p_holm": verdict.p_holm}
    if verdict.comparison is not None:
        said |= {f"verdict_{name}": getattr(verdict.comparison, name) for name in _COMPARISON}
    return parts | said
