"""DomainBed's rules for picking a checkpoint and hyper-parameters, over logged values.

Reports only: a rule that looks at the target domain is here to be read, never to train by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from orchestrator.domainbed_log import Job, LogMetric, LogRecord

Rule = Literal["training-domain", "leave-one-domain-out", "oracle"]

RULES: dict[Rule, str] = {
    "training-domain": "highest mean over the out parts of the source domains",
    "leave-one-domain-out": (
        "highest mean accuracy over sources when each is held out together with the target"
    ),
    "oracle": "last step; hyper-parameters by the out part of the target domain",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A record a rule picked, and what it was picked by."""

    job: Job
    record: LogRecord
    validation: float


def choose(rule: Rule, jobs: Sequence[Job], target: int, metric: LogMetric) -> Choice | None:
    """Return what a rule picks of one repetition; None where it cannot say.

    The first of equal records wins, and of jobs that are equal then the one with the larger
    ``hparams_seed``, as in DomainBed. NaN is never picked.

    Args:
        jobs: of one setting and ``trial_seed``, all with ``target`` held out. Leave-one-domain-out
            needs those that hold out a second environment; the other rules must not be given them.
        metric: what picks; leave-one-domain-out is by accuracy whatever this is.
    """
    if rule == "leave-one-domain-out":
        single = [job for job in jobs if job.test_envs == (target,)]
        found = [_leave_one_out(job, jobs, target) for job in single]
    elif rule == "oracle":
        found = [_last(job, target, metric) for job in jobs]
    else:
        found = [_best_step(job, metric) for job in jobs]
    choices = [choice for choice in found if choice is not None]
    return max(choices, key=lambda c: (c.validation, c.job.hparams_seed), default=None)


def source_validation(record: LogRecord, job: Job, metric: LogMetric) -> float:
    """Return the mean of a metric over the out parts of the sources."""
    return fmean(record.at(env, "out", metric) for env in job.sources)


def _best_step(job: Job, metric: LogMetric) -> Choice | None:
    return _first_highest(job, [source_validation(r, job, metric) for r in job.records])


def _last(job: Job, target: int, metric: LogMetric) -> Choice | None:
    record = job.records[-1]
    validation = record.at(target, "out", metric)
    if math.isnan(validation):
        return None
    return Choice(job=job, record=record, validation=validation)


def _leave_one_out(job: Job, jobs: Sequence[Job], target: int) -> Choice | None:
    """Pick the step at which the other environments, held out too, do best on average."""
    held_out: dict[int, dict[int, LogRecord]] = {}
    for other in jobs:
        is_pair = len(other.test_envs) == 2 and target in other.test_envs
        if is_pair and other.hparams_seed == job.hparams_seed:
            (second,) = set(other.test_envs) - {target}
            held_out[second] = {record.step: record for record in other.records}
    if set(job.sources) - set(held_out):
        return None
    validations = []
    for record in job.records:
        pairs = [(env, held_out[env].get(record.step)) for env in job.sources]
        accuracies = [math.nan if r is None else r.at(env, "in", "acc") for env, r in pairs]
        validations.append(fmean(accuracies))
    return _first_highest(job, validations)


def _first_highest(job: Job, validations: Sequence[float]) -> Choice | None:
    pairs = zip(job.records, validations, strict=True)
    known = [(record, value) for record, value in pairs if not math.isnan(value)]
    if not known:
        return None
    record, value = max(known, key=lambda pair: pair[1])
    return Choice(job=job, record=record, validation=value)
