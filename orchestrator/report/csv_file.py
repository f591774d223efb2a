"""Every number of a study in one CSV file: a line per place and metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from orchestrator.report.results import CellResult
from orchestrator.report.statistics import Statistic, summarise
from orchestrator.report.table import Entry, Table
from search_spaces.study import cell_key

_WHERE = ("experiment", "place")
_NUMBERS = ("n", "mean", "sd", "se", "ci95_low", "ci95_high")
_PUBLISHED = ("value", "error", "error_kind", "n", "source", "doubt")
_COMPARISON = ("difference", "low", "high", "p", "kind")
_VERDICT = (
    *("verdict", "verdict_why", "verdict_p_holm"),
    *(f"verdict_{name}" for name in _COMPARISON),
)
_FACTS = (
    "seeds",
    "recipe",
    "data",
    "data_kinds",
    "data_digests",
    "weights",
    "weights_kinds",
    "weights_digests",
    "cell",
    "run_id",
)
_FIELDS = (
    *("state", "metric", "printed", *_NUMBERS),
    *(f"published_{name}" for name in _PUBLISHED),
    *_VERDICT,
    *_FACTS,
)


def results_csv(tables: Sequence[Table]) -> str:
    """Return the CSV text. ``printed`` is 1 on the line of the metric that the table prints."""
    factors = dict.fromkeys(name for t in tables for e in t.entries for name in e.levels)
    levels = [f"level.{name}" for name in factors]
    file = io.StringIO()
    writer = csv.DictWriter(file, (*_WHERE, *levels, *_FIELDS), restval="")
    writer.writeheader()
    for table in tables:
        for entry in table.entries:
            where = {
                "experiment": table.name,
                "place": cell_key(table.name, tuple(entry.levels.items())),
                **{f"level.{name}": level for name, level in entry.levels.items()},
            }
            for line in _lines(entry):
                writer.writerow({**where, **line})
    return file.getvalue()


def _lines(entry: Entry) -> Iterator[dict[str, object]]:
    facts = {**_facts(entry.cells), "state": entry.status}
    numbers = {} if entry.statistic is None else _numbers(entry.statistic)
    yield {**facts, "metric": entry.metric, "printed": 1, **numbers, **_published(entry)}
    for found in entry.imported:
        yield {"state": "imported", "metric": entry.metric, "printed": 0, **_numbers(found)}
    if entry.cell is None or entry.statistic is None:
        return
    others = {name for r in entry.cell.replicates for name in r.metrics} - {entry.metric}
    for metric in sorted(others):
        statistic = summarise(entry.cell.values(metric))
        if statistic is not None:
            yield {**facts, "metric": metric, "printed": 0, **_numbers(statistic)}


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


def _facts(cells: Sequence[CellResult]) -> dict[str, object]:
    """Return what the number stands on; a derived one on several cells, each fact named once."""
    data = list(dict.fromkeys(d for cell in cells for d in cell.data))
    weights = list(dict.fromkeys(w for cell in cells for w in cell.weights))
    return {
        "seeds": " ".join(str(r.seed) for cell in cells for r in cell.replicates),
        "recipe": " ".join(dict.fromkeys(cell.recipe for cell in cells)),
        "data": " ".join(d.name for d in data),
        "data_kinds": " ".join(d.kind for d in data),
        "data_digests": " ".join(d.digest for d in data),
        "weights": " ".join(f"{w.card}:{w.weights}" for w in weights),
        "weights_kinds": " ".join(w.kind for w in weights),
        "weights_digests": " ".join(w.digest for w in weights),
        "cell": " ".join(cell.cell for cell in cells),
        "run_id": " ".join(cell.run_id for cell in cells),
    }
