"""A study's tables as JSON-ready data."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from orchestrator.report.findings import Findings
from orchestrator.report.pair_table import PairTable
from orchestrator.report.selection_tables import selection_json
from orchestrator.report.table import INTERVALS, Entry, Table


def to_json(findings: Findings) -> dict[str, Any]:
    """Return the tables with every number, its spread and what it stands on."""
    study, results = findings.study, findings.results
    return {
        "study": study.name,
        "title": study.title,
        "paper": study.paper,
        "tables": [_table(table) for table in findings.tables],
        "comparisons": [_pairs(found) for found in findings.pairs],
        "model_selection": _finite(selection_json(findings.selection)),
        "failures": dict(results.failures()),
        "retries": dict(results.retries()),
        "superseded": results.superseded,
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "experiment": table.name,
        "title": table.title,
        "interval": INTERVALS[table.interval],
        "verdicts": table.verdicts,
        "entries": [_entry(entry) for entry in table.entries],
    }


def _pairs(found: PairTable) -> dict[str, Any]:
    return {
        "experiment": found.experiment,
        "factor": found.factor.name,
        "over": found.over,
        "pairs": [_finite(dataclasses.asdict(pair)) for pair in found.pairs],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    body: dict[str, Any] = {
        "levels": dict(entry.levels),
        "status": entry.status,
        "note": entry.note,
        "metric": entry.metric,
        "statistic": None if entry.statistic is None else dataclasses.asdict(entry.statistic),
        "published": None if entry.published is None else dataclasses.asdict(entry.published),
        "verdict": None if entry.verdict is None else dataclasses.asdict(entry.verdict),
        "imported": [dataclasses.asdict(statistic) for statistic in entry.imported],
    }
    if entry.under:
        body |= {"cells": [c.cell for c in entry.under], "labels": list(entry.labels)}
    if entry.cell is not None:
        cell = entry.cell
        body |= {
            "cell": cell.cell,
            "recipe": cell.recipe,
            "chosen": dict(cell.chosen),
            "labels": list(cell.labels),
            "seeds": [r.seed for r in cell.replicates],
            "data": [dataclasses.asdict(d) for d in cell.data],
            "weights": [dataclasses.asdict(w) for w in cell.weights],
        }
    return {key: _finite(value) for key, value in body.items()}


def _finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON lacks, by their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
