"""What every number of a table is on resamples of its test cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.report.bootstrap import resampled
from orchestrator.report.case_metric import CaseMetric, case_metric
from orchestrator.report.results import StudyResults
from orchestrator.report.table import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_Key = tuple[str, str]
"""Cell and metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """A number on each resample of its cases, averaged over replicates."""

    cases: tuple[str, ...]
    values: Floats


@dataclass(frozen=True, kw_only=True)
class CaseDraws:
    """The draws of a table, computed together when the first is asked for.

    Runs of the same cases are resampled in pairs, and at once: drawing takes about as long as
    evaluating.
    """

    results: StudyResults
    entries: Sequence[Entry]

    def of(self, entry: Entry) -> Draws | None:
        """Return the draws of an entry; None where its runs left none, or of several tests."""
        return None if entry.cell is None else self._draws.get((entry.cell.cell, entry.metric))

    @cached_property
    def _draws(self) -> Mapping[_Key, Draws]:
        by_cases: defaultdict[tuple[str, ...], dict[_Key, list[CaseMetric]]] = defaultdict(dict)
        for entry in self.entries:
            metrics = self._metrics(entry)
            if entry.cell is not None and metrics:
                by_cases[metrics[0].cases][entry.cell.cell, entry.metric] = metrics
        found = {}
        for cases, group in by_cases.items():
            drawn = iter(resampled([metric for metrics in group.values() for metric in metrics]))
            for key, metrics in group.items():
                total = sum(next(drawn) for _ in metrics)
                found[key] = Draws(cases=cases, values=total / len(metrics))
        return found

    def _metrics(self, entry: Entry) -> list[CaseMetric]:
        """Return the metric of each replicate; nothing unless all of them were tested alike."""
        if entry.cell is None or entry.statistic is None:
            return []
        runs = [case_metric(self.results, run, entry.metric) for run in entry.cell.replicates]
        metrics = [metric for metric in runs if metric is not None]
        alike = len({metric.cases for metric in metrics}) == 1
        return metrics if alike and len(metrics) == len(runs) else []
