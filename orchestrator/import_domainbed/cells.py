"""Jobs of a sweep as cells: those that differ in repetition and draw of hyper-parameters only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.domainbed_log import Job, LogMetric, LogRecord
from orchestrator.domainbed_log.names import DOMAINS, METRICS, method_of
from orchestrator.import_domainbed.places import Place, places_of
from orchestrator.import_domainbed.sweep import LoggedJob
from orchestrator.report.model_selection import Choice, choose
from search_spaces.study import Study, cell_key
from trainables.config import digest

PICKED_BY: LogMetric = "f1m"
"""The published tables pick by macro F1 of the source domains."""


@dataclass(frozen=True, kw_only=True)
class ImportedCell:
    """Jobs of one setting with the same environments held out.

    Args:
        chosen: what each repetition contributes to the cell's number, by ``trial_seed``.
    """

    jobs: tuple[LoggedJob, ...]
    places: tuple[Place, ...]
    chosen: tuple[Choice, ...]

    @property
    def first(self) -> Job:
        """A job of it, for what they share."""
        return self.jobs[0].job

    @property
    def id(self) -> str:
        """Identity: what was asked, wherever and however often it ran."""
        return digest(["domainbed", self.first.setting, list(self.first.test_envs)])[:32]

    @property
    def name(self) -> str:
        """The key of its first place; of a cell without one, what it is."""
        if self.places:
            place = self.places[0]
            return cell_key(place.experiment, tuple(place.levels.items()))
        held_out = ",".join(DOMAINS[env] for env in self.first.test_envs)
        return f"domainbed/method={method_of(self.first.args['algorithm'])}/test_domains={held_out}"


def arrange(jobs: Iterable[LoggedJob], study: Study) -> list[ImportedCell]:
    """Return the cells that jobs make, in the order of their first jobs."""
    groups: defaultdict[tuple[str, tuple[int, ...]], list[LoggedJob]] = defaultdict(list)
    for logged in jobs:
        groups[logged.job.setting, logged.job.test_envs].append(logged)
    return [
        ImportedCell(
            jobs=tuple(sorted(group, key=lambda g: (g.job.trial_seed, g.job.hparams_seed))),
            places=tuple(places_of(group[0].job, study)),
            chosen=tuple(_chosen([logged.job for logged in group])),
        )
        for group in groups.values()
    ]


def _chosen(jobs: list[Job]) -> Iterable[Choice]:
    for trial_seed in sorted({job.trial_seed for job in jobs}):
        repetition = [job for job in jobs if job.trial_seed == trial_seed]
        # Sources validate, so the choice is the same for every target.
        choice = choose("training-domain", repetition, jobs[0].test_envs[0], PICKED_BY)
        if choice is not None:
            yield choice


def tested(job: Job, record: LogRecord) -> dict[str, float]:
    """Return ``test/...`` of the in parts of the targets: of each, and the mean over them."""
    by_metric = {
        name: {env: record.at(env, "in", short) for env in job.test_envs}
        for short, name in METRICS.items()
    }
    metrics = {
        f"test/{name}": sum(values.values()) / len(values) for name, values in by_metric.items()
    }
    for name, values in by_metric.items():
        metrics |= {f"test/{DOMAINS[env]}/{name}": value for env, value in values.items()}
    return metrics
