"""What every cell stands on, and every metric of it, as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from orchestrator.report.csv_text import csv_text
from orchestrator.report.results import CellResult, StudyResults
from orchestrator.report.statistics import summarise

_PROVENANCE = "provenance."

CELLS_COLUMNS = (
    *("cell", "name", "state", "reason", "trainable", "version", "recipe", "chosen"),
    *("seeds", "search_trials", "failed_trials", "retries", "hours"),
    *("data", "data_kinds", "data_digests", "weights", "weights_kinds", "weights_digests"),
    "run_id",
)
"""All columns but those of the code and the machine, which follow as ``provenance.<fact>``."""

METRICS_COLUMNS = ("cell", "name", "metric", "n", "mean", "sd")


def cells_csv(results: StudyResults) -> str:
    """Return a line per cell: seeds, data, weights, code and machine; imported cells too."""
    every = (*results.cells, *results.imported)
    facts = sorted({name for cell in every for name in cell.provenance})
    columns = (*CELLS_COLUMNS, *(f"{_PROVENANCE}{name}" for name in facts))
    return csv_text(columns, map(_cell, every))


def metrics_csv(results: StudyResults) -> str:
    """Return a line per cell and metric of its replicates, whether a table prints it or not."""
    every = (*results.cells, *results.imported)
    return csv_text(METRICS_COLUMNS, (line for cell in every for line in _metrics(cell)))


def _cell(cell: CellResult) -> dict[str, object]:
    trials = {t.trial: t for t in (*cell.search, *cell.replicates, *cell.failed)}.values()
    return {
        "cell": cell.cell,
        "name": cell.name,
        "state": cell.state,
        "reason": cell.reason,
        "trainable": cell.trainable,
        "version": cell.version,
        "recipe": cell.recipe,
        "chosen": json.dumps(dict(cell.chosen)) if cell.chosen else "",
        "seeds": " ".join(str(trial.seed) for trial in cell.replicates),
        "search_trials": len(cell.search),
        "failed_trials": len(cell.failed),
        "retries": sum(len(trial.retried) for trial in trials),
        "hours": f"{sum(trial.hours or 0.0 for trial in trials):.4f}",
        "data": " ".join(d.name for d in cell.data),
        "data_kinds": " ".join(d.kind for d in cell.data),
        "data_digests": " ".join(d.digest for d in cell.data),
        "weights": " ".join(f"{w.card}:{w.weights}" for w in cell.weights),
        "weights_kinds": " ".join(w.kind for w in cell.weights),
        "weights_digests": " ".join(w.digest for w in cell.weights),
        "run_id": cell.run_id,
        **{f"{_PROVENANCE}{name}": value for name, value in cell.provenance.items()},
    }


def _metrics(cell: CellResult) -> Iterator[Mapping[str, object]]:
    for metric in sorted({name for trial in cell.replicates for name in trial.metrics}):
        statistic = summarise(cell.values(metric))
        if statistic is not None:
            numbers = {"n": statistic.n, "mean": statistic.mean, "sd": statistic.sd}
            yield {"cell": cell.cell, "name": cell.name, "metric": metric, **numbers}
