"""Gives the numbers of a table their verdicts beside the published ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

from orchestrator.report.case_metric import case_metric
from orchestrator.report.comparison import Comparison, against_published, over_cases
from orchestrator.report.results import StudyResults
from orchestrator.report.statistics import Statistic, holm
from orchestrator.report.table import Entry, Table
from orchestrator.report.unlike import stale_digests, unlike
from orchestrator.report.verdict import Verdict, VerdictWord
from search_spaces.study import Budget, Published

_ALPHA = 0.05
"""Chance of a false 'higher' or 'lower' anywhere in a table."""

_KINDS = {
    "student": "Student's t over seeds",
    "bootstrap": "Student's t on the standard error of a bootstrap over seeds",
}

_Judged = Comparison | str
"""A difference, or why there is none."""


def judged(table: Table, results: StudyResults, budget: Budget) -> Table:
    """Return the table with a verdict wherever it has our number and the published one.

    An entry without a spread over seeds is compared by a bootstrap over test cases, if its run left
    results per case.

    Args:
        budget: what the study spends on each cell of the table.

    Raises:
        TrackingError: results per case are there and cannot be read.
    """
    stale = stale_digests(results)
    found: dict[int, _Judged] = {}
    for index, entry in enumerate(table.entries):
        if entry.statistic is not None and entry.published is not None:
            reason = _not_comparable(entry, entry.published, budget, stale)
            found[index] = reason or _compared(
                results, entry, entry.statistic, entry.published, _KINDS[table.interval]
            )
    return table.with_verdicts(_corrected(found))


def _not_comparable(
    entry: Entry, published: Published, budget: Budget, stale: frozenset[str]
) -> str:
    if published.doubt:
        return "the published number is suspect"
    reasons = map(partial(unlike, budget=budget, stale=stale), entry.cells)
    return next(filter(None, reasons), "")


def _compared(
    results: StudyResults, entry: Entry, ours: Statistic, published: Published, kind: str
) -> _Judged:
    if not math.isfinite(ours.mean):
        return "ours is not finite"
    over_seeds = against_published(ours, published, kind)
    if over_seeds is not None:
        return over_seeds
    if entry.cell is not None:
        first = next(r for r in entry.cell.replicates if entry.metric in r.metrics)
        metric = case_metric(results, first, entry.metric)
        compared = metric and over_cases(metric, published.value)
        if compared:
            return compared
    return "one seed has no interval" if ours.n == 1 else "equal seeds have no interval"


def _corrected(found: Mapping[int, _Judged]) -> dict[int, Verdict]:
    """Return verdicts after Holm's correction over every comparison of the table."""
    compared = {key: item for key, item in found.items() if not isinstance(item, str)}
    p_holm = holm([item.p for item in compared.values()])
    verdicts = {
        key: Verdict(word="not comparable", why=item)
        for key, item in found.items()
        if isinstance(item, str)
    }
    for (key, item), p in zip(compared.items(), p_holm, strict=True):
        verdicts[key] = Verdict(word=_word(item, p), comparison=item, p_holm=p)
    return verdicts


def _word(comparison: Comparison, p: float) -> VerdictWord:
    if p > _ALPHA:
        return "reproduced"
    return "higher" if comparison.difference > 0 else "lower"
