"""Tables of DomainBed over logged values: one row per method and setting, one column per target.

A number is the mean over repetitions. Its error is, as published, the standard deviation with n in
the denominator over the root of n, a standard error that is too small by sqrt((n - 1) / n) and says
nothing of how few repetitions there are; the interval by Student's t beside it does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from orchestrator.domainbed_log import Job, LogMetric
from orchestrator.report.model_selection import Rule, choose
from orchestrator.report.statistics import Statistic, summarise


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialValue:
    """What one repetition gives: the value at the record that was picked."""

    trial_seed: int
    value: float
    step: int
    job: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """A number of a table, as a fraction.

    Args:
        values: one per repetition, by ``trial_seed``.
        error: standard error with n, not n - 1, in the denominator of the variance; None for n = 1.
    """

    values: tuple[float, ...]
    statistic: Statistic
    error: float | None

    @property
    def text(self) -> str:
        """The number as DomainBed prints it, in percent: ``46.2 +/- 4.4``."""
        if self.error is None:
            return self.mean_text
        return f"{self.mean_text} +/- {100 * self.error:.1f}"

    @property
    def mean_text(self) -> str:
        """The mean in percent: ``46.2``."""
        return f"{100 * self.statistic.mean:.1f}"

    @property
    def error_text(self) -> str:
        """What ± is, with its n: ``± 4.4 (se with ddof 0, n=3)``."""
        n = self.statistic.n
        if self.error is None:
            return "(n=1)"
        return f"± {100 * self.error:.1f} (se with ddof 0, n={n})"

    @property
    def interval_text(self) -> str:
        """The interval by Student's t in percent, ``19.7 to 72.8``; empty if there is none."""
        low, high = self.statistic.ci95_low, self.statistic.ci95_high
        if low is None or high is None:
            return ""
        return f"{100 * low:.1f} to {100 * high:.1f}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RowKey:
    """What the numbers of a row share.

    Args:
        method, setting, origin: as of its jobs.
        source: the one domain that was trained on; empty where all but the target were.
        domains: all that the data set has.
    """

    dataset: str
    method: str
    setting: str
    source: str
    domains: tuple[str, ...]
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """The numbers of one method and setting.

    Args:
        trials: target -> what each repetition gives.
        average: over the targets of each repetition that has them all, then over those; None if
            there is no such repetition, or but one target.
    """

    key: RowKey
    trials: Mapping[str, tuple[TrialValue, ...]]
    numbers: Mapping[str, Collected]
    average: Collected | None

    def listed(self, targets: Sequence[str]) -> list[Collected | None]:
        """Return the number of each target, then the average; None where there is none."""
        return [*(self.numbers.get(target) for target in targets), self.average]


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectionTable:
    """What a rule gives.

    Args:
        picked_by: the metric that picks.
        metric: the metric that is printed, of the in part of the target.
        targets: domains with a number in any row.
    """

    rule: Rule
    picked_by: LogMetric
    metric: LogMetric
    targets: tuple[str, ...]
    rows: tuple[Row, ...]

    def label(self, row: Row) -> str:
        """Return the name of a row; with its setting, where that alone tells it from another."""
        key = row.key
        name = f"{key.method}, trained on {key.source}" if key.source else key.method
        others = [other.key for other in self.rows if other.key.setting != key.setting]
        same = (key.method, key.source, key.origin)
        if any((other.method, other.source, other.origin) == same for other in others):
            return f"{name} {key.setting}"
        return name


def collect(
    jobs: Iterable[Job], rule: Rule, picked_by: LogMetric, metric: LogMetric
) -> SelectionTable:
    """Pick from every repetition by a rule, and average what was picked."""
    found: defaultdict[RowKey, defaultdict[str, list[TrialValue]]]
    found = defaultdict(lambda: defaultdict(list))
    for (key, target, trial_seed), members in sorted(_repetitions(jobs, rule).items(), key=_order):
        choice = choose(rule, members, target, picked_by)
        if choice is not None:
            value = TrialValue(
                trial_seed=trial_seed,
                value=choice.record.at(target, "in", metric),
                step=choice.record.step,
                job=choice.job.name,
            )
            found[key][members[0].domain(target)].append(value)
    return SelectionTable(
        rule=rule,
        picked_by=picked_by,
        metric=metric,
        targets=tuple(
            domain
            for domain in dict.fromkeys(domain for key in found for domain in key.domains)
            if any(domain in targets for targets in found.values())
        ),
        rows=tuple(_row(key, targets) for key, targets in found.items()),
    )


def summarised(values: Sequence[float]) -> Collected:
    """Return mean, published error and honest interval of at least one value."""
    statistic = summarise(values)
    if statistic is None:
        raise ValueError("there is no value to summarise")
    if not all(math.isfinite(value) for value in values):
        return Collected(values=tuple(values), statistic=statistic, error=math.nan)
    error = pstdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Collected(values=tuple(values), statistic=statistic, error=error)


_Repetition = tuple[RowKey, int, int]
"""Row, environment of the target and ``trial_seed``."""


def _repetitions(jobs: Iterable[Job], rule: Rule) -> dict[_Repetition, list[Job]]:
    """Group jobs by what one call of a rule may look at."""
    found: defaultdict[_Repetition, list[Job]] = defaultdict(list)
    for job in jobs:
        single_source = len(job.sources) == 1
        pair = rule == "leave-one-domain-out" and len(job.test_envs) == 2
        if len(job.test_envs) > 1 and not single_source and not pair:
            continue
        key = RowKey(
            dataset=job.dataset,
            method=job.method,
            setting=job.setting,
            source=job.domain(job.sources[0]) if single_source and not pair else "",
            domains=tuple(job.domain(env) for env in sorted((*job.sources, *job.test_envs))),
            origin=job.origin,
        )
        for target in job.test_envs:
            found[key, target, job.trial_seed].append(job)
    return dict(found)


def _order(item: tuple[_Repetition, list[Job]]) -> tuple[object, ...]:
    key, target, trial_seed = item[0]
    row = (key.method, key.source, key.origin, key.dataset, key.setting)
    return (*row, target, trial_seed)


def _row(key: RowKey, targets: Mapping[str, list[TrialValue]]) -> Row:
    by_trial: defaultdict[int, list[float]] = defaultdict(list)
    for values in targets.values():
        for trial in values:
            by_trial[trial.trial_seed].append(trial.value)
    wanted = len(set(key.domains) - {key.source})
    whole = [fmean(values) for values in by_trial.values() if len(values) == wanted]
    return Row(
        key=key,
        trials={target: tuple(values) for target, values in targets.items()},
        numbers={t: summarised([trial.value for trial in v]) for t, v in targets.items()},
        average=summarised(whole) if whole and wanted > 1 else None,
    )
