"""Holds every pair of levels of a table against each other, corrected for how many there are."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.report.bootstrap import bootstrap_p
from orchestrator.report.case_draws import CaseDraws
from orchestrator.report.comparison import student
from orchestrator.report.results import StudyResults
from orchestrator.report.statistics import holm
from orchestrator.report.table import Entry, Table
from search_spaces.compare import Compare

_LEAST_UNITS = 5
"""Independent units from which their ranks are tested, instead of seeds or cases within them."""

_ALPHA = 0.05

_Place = tuple[tuple[str, str], ...]
"""Levels of every factor but the compared one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two levels that were compared.

    Args:
        effect: mean difference, first minus second, over the units that have both.
        units: how many these are.
        p, p_holm: two-sided, as it is and corrected over all pairs; None where nothing can be
            tested, for which ``kind`` has the reason.
        kind: by what it was tested.
    """

    first: str
    second: str
    effect: float
    units: int
    p: float | None
    kind: str
    p_holm: float | None = None

    @property
    def is_called(self) -> bool:
        """Whether the two are called different, with a 5 % chance of a false alarm in a table."""
        return self.p_holm is not None and self.p_holm <= _ALPHA


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shared:
    """A place where both levels have a number; the weights of all places add up to 1."""

    unit: str
    weight: float
    first: Entry
    second: Entry

    @property
    def difference(self) -> float:
        return _mean(self.first) - _mean(self.second)


def compare_pairs(results: StudyResults, table: Table, compare: Compare) -> list[Pair]:
    """Return all pairs of levels that share a unit, in the order of the table.

    Five units or more: Wilcoxon's signed ranks over the units. Fewer: a paired bootstrap over test
    cases, if all runs left scores of the same cases; otherwise Welch's t over seeds, which are not
    paired, because each cell has its own.

    Raises:
        TrackingError: results per case are there and cannot be read.
    """
    places: dict[str, dict[_Place, Entry]] = {}
    for entry in table.entries:
        if entry.statistic is not None and math.isfinite(entry.statistic.mean):
            rest = tuple(item for item in entry.levels.items() if item[0] != compare.levels)
            places.setdefault(entry.levels[compare.levels], {})[rest] = entry
    draws = CaseDraws(results=results, entries=table.entries)
    found = [
        _pair(names, shared, draws)
        for names in itertools.combinations(places, 2)
        if (shared := _shared(places[names[0]], places[names[1]], compare.over))
    ]
    corrected = iter(holm([pair.p for pair in found if pair.p is not None]))
    return [pair if pair.p is None else replace(pair, p_holm=next(corrected)) for pair in found]


def _shared(
    first: Mapping[_Place, Entry], second: Mapping[_Place, Entry], over: str
) -> list[_Shared]:
    both = [place for place in first if place in second]
    units = Counter(dict(place)[over] for place in both)
    return [
        _Shared(
            unit=dict(place)[over],
            weight=1 / (len(units) * units[dict(place)[over]]),
            first=first[place],
            second=second[place],
        )
        for place in both
    ]


def _pair(names: tuple[str, str], shared: Sequence[_Shared], draws: CaseDraws) -> Pair:
    units: dict[str, float] = {}
    for place in shared:
        units[place.unit] = units.get(place.unit, 0.0) + place.weight * place.difference
    p: float | None
    if len(units) >= _LEAST_UNITS:
        p, kind = _ranks(units.values()), f"Wilcoxon's signed ranks over {len(units)}"
    else:
        p, kind = _over_cases(shared, draws) or _over_seeds(shared)
    return Pair(
        first=names[0],
        second=names[1],
        effect=math.fsum(units.values()),
        units=len(units),
        p=p,
        kind=kind,
    )


def _ranks(differences: Iterable[float]) -> float:
    values = list(differences)
    if not any(values):
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(values).pvalue)


def _over_cases(shared: Sequence[_Shared], draws: CaseDraws) -> tuple[float, str] | None:
    """Return the p-value of a paired bootstrap; None where runs left other cases, or none."""
    import numpy as np

    parts = []
    tests: dict[tuple[str, ...], None] = {}
    for place in shared:
        first, second = draws.of(place.first), draws.of(place.second)
        if first is None or second is None or first.cases != second.cases:
            return None
        parts.append(place.weight * (first.values - second.values))
        tests[first.cases] = None
    differences = np.sum(parts, axis=0)
    if not np.isfinite(differences).all():
        return None
    words = f"paired bootstrap over {sum(map(len, tests))} test cases"
    return bootstrap_p(differences, 0.0), words


def _over_seeds(shared: Sequence[_Shared]) -> tuple[float | None, str]:
    variance = 0.0
    spread = 0.0
    for place in shared:
        for entry in (place.first, place.second):
            assert entry.statistic is not None  # it has a mean
            if entry.statistic.se is None:
                return None, "a cell has one seed, and no results per case"
            part = (place.weight * entry.statistic.se) ** 2
            variance += part
            spread += part**2 / (entry.statistic.n - 1)
    if not 0 < variance < math.inf:
        return None, "all seeds are equal"
    effect = math.fsum(place.weight * place.difference for place in shared)
    found = student(effect, math.sqrt(variance), variance**2 / spread, "Welch's t over seeds")
    return found.p, found.kind


def _mean(entry: Entry) -> float:
    assert entry.statistic is not None  # only such entries are compared
    return entry.statistic.mean
