"""The tables of model selection: every rule, over everything that left a log."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.domainbed_log import Job, LogMetric
from orchestrator.report.collector import Collected, Row, SelectionTable, collect
from orchestrator.report.csv_text import csv_text
from orchestrator.report.model_selection import RULES, Rule

METRIC_NAMES: dict[LogMetric, str] = {"f1m": "macro F1", "acc": "accuracy", "f1w": "weighted F1"}

_NUMBERS = ("n", "mean", "sd", "se", "ci95_low", "ci95_high")


def selection_tables(jobs: Sequence[Job]) -> list[SelectionTable]:
    """Return the tables that have a number, those that print the metric they pick by first."""
    tables = [collect(jobs, rule, picked_by, metric) for rule, picked_by, metric in _combinations()]
    return [table for table in tables if table.rows]


def _combinations() -> Iterator[tuple[Rule, LogMetric, LogMetric]]:
    metrics = list(METRIC_NAMES)
    for metric in metrics:
        yield "training-domain", metric, metric
    for metric in metrics:
        yield "leave-one-domain-out", "acc", metric
    for metric in metrics:
        yield "oracle", metric, metric
    for picked_by in metrics:
        for metric in metrics:
            if metric != picked_by:
                yield "training-domain", picked_by, metric


def title(table: SelectionTable) -> str:
    """Return ``macro F1 at the step picked by macro F1, training-domain``."""
    metric, picked_by = METRIC_NAMES[table.metric], METRIC_NAMES[table.picked_by]
    return f"{metric}, picked by {picked_by} ({table.rule}: {RULES[table.rule]})"


def selection_csv(tables: Sequence[SelectionTable]) -> str:
    """Return the CSV text: a line per number, with what each repetition gave and at which step."""
    lines = [line for table in tables for row in table.rows for line in _lines(table, row)]
    return csv_text(list(lines[0]) if lines else ["rule"], lines)


def selection_json(tables: Sequence[SelectionTable]) -> list[dict[str, Any]]:
    """Return the tables as JSON-ready data."""
    return [
        {
            "rule": table.rule,
            "picked_by": table.picked_by,
            "metric": table.metric,
            "numbers": [line for row in table.rows for line in _lines(table, row)],
        }
        for table in tables
    ]


def _lines(table: SelectionTable, row: Row) -> Iterator[dict[str, Any]]:
    where = {
        "rule": table.rule,
        "picked_by": table.picked_by,
        "metric": table.metric,
        "method": row.key.method,
        "origin": row.key.origin,
        "train_domain": row.key.source,
        "dataset": row.key.dataset,
        "setting": row.key.setting,
    }
    for domain in (domain for domain in table.targets if domain in row.numbers):
        steps = " ".join(str(trial.step) for trial in row.trials[domain])
        yield {**where, "test_domain": domain, **_numbers(row.numbers[domain]), "steps": steps}
    if row.average is not None:
        yield {**where, "test_domain": "average", **_numbers(row.average), "steps": ""}


def _numbers(number: Collected) -> dict[str, Any]:
    statistic = dataclasses.asdict(number.statistic)
    return {
        "printed": number.text,
        **{name: statistic[name] for name in _NUMBERS},
        "se_ddof0": number.error,
        "values": " ".join(str(value) for value in number.values),
    }
