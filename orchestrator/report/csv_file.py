"""Every number of a study in one CSV file: a line per place and metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from orchestrator.report.results import CellResult, StudyResults
from orchestrator.report.statistics import summarise
from orchestrator.report.table import Entry, build_tables
from search_spaces.study import Study, cell_key

_WHERE = ("experiment", "place")
_NUMBERS = ("n", "mean", "sd", "se", "ci95_low", "ci95_high")
_PUBLISHED = ("value", "error", "error_kind", "n", "source")
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
    "published_in_ci95",
    *_FACTS,
)


def results_csv(results: StudyResults, study: Study) -> str:
    """Return the CSV text. ``printed`` is 1 on the line of the metric that the table prints."""
    factors = list(dict.fromkeys(f.name for e in study.experiments for f in e.factors))
    levels = [f"level.{name}" for name in factors]
    file = io.StringIO()
    writer = csv.DictWriter(file, (*_WHERE, *levels, *_FIELDS), restval="")
    writer.writeheader()
    for table in build_tables(results, study):
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
    cell = entry.cell
    printed = {"metric": entry.metric, "printed": 1, **_published(entry)}
    if cell is None or entry.statistic is None:
        facts = _facts(cell) if cell is not None else {}
        yield {**facts, "state": entry.status, **printed}
        return
    every = sorted({name for r in cell.replicates for name in r.metrics})
    for metric in every:
        statistic = summarise(cell.values(metric))
        numbers = {name: getattr(statistic, name) for name in _NUMBERS}
        which = printed if metric == entry.metric else {"metric": metric, "printed": 0}
        yield {**_facts(cell), "state": entry.status, **numbers, **which}


def _published(entry: Entry) -> dict[str, object]:
    if entry.published is None:
        return {}
    parts = {f"published_{name}": getattr(entry.published, name) for name in _PUBLISHED}
    return {**parts, "published_in_ci95": "" if entry.agrees is None else int(entry.agrees)}


def _facts(cell: CellResult) -> dict[str, object]:
    return {
        "seeds": " ".join(str(r.seed) for r in cell.replicates),
        "recipe": cell.recipe,
        "data": " ".join(d.name for d in cell.data),
        "data_kinds": " ".join(d.kind for d in cell.data),
        "data_digests": " ".join(d.digest for d in cell.data),
        "weights": " ".join(f"{w.card}:{w.weights}" for w in cell.weights),
        "weights_kinds": " ".join(w.kind for w in cell.weights),
        "weights_digests": " ".join(w.digest for w in cell.weights),
        "cell": cell.cell,
        "run_id": cell.run_id,
    }
