"""Where jobs of a sweep belong in the tables of a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.domainbed_log import Job, SweepError
from orchestrator.domainbed_log.names import DATASET, DOMAINS, method_of
from search_spaces.study import Experiment, Study


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A number of the study, and the metric its table prints."""

    experiment: str
    levels: Mapping[str, str]
    metric: str
    objective: str


def check_dataset(job: Job) -> None:
    """Refuse jobs on other data than the study's.

    Raises:
        SweepError: the data set is another, or has not the study's domains.
    """
    environments = {*job.sources, *job.test_envs}
    if job.dataset != DATASET or not environments <= set(range(len(DOMAINS))):
        raise SweepError(
            f"{job.name}: data set '{job.dataset}' with environments {sorted(environments)}; only "
            f"sweeps over '{DATASET}' with environments 0 to {len(DOMAINS) - 1} can be imported"
        )


def places_of(job: Job, study: Study) -> list[Place]:
    """Return where a job's numbers stand: one target each; none if the study has no such cell."""
    is_single_source = len(job.sources) == 1
    if len(job.test_envs) > 1 and not is_single_source:
        return []
    method = method_of(job.args["algorithm"])
    places: list[Place] = []
    for target in job.test_envs:
        levels = {"method": method, "test_domain": DOMAINS[target]}
        if is_single_source:
            levels["train_domain"] = DOMAINS[job.sources[0]]
        for experiment in study.experiments:
            places += _place(experiment, levels)
    return places


def _place(experiment: Experiment, levels: Mapping[str, str]) -> Iterator[Place]:
    if {factor.name for factor in experiment.factors} != set(levels):
        return
    if any(levels[factor.name] not in factor.levels for factor in experiment.factors):
        return
    ordered = {factor.name: levels[factor.name] for factor in experiment.factors}
    recipe = experiment.configure(ordered)
    if recipe is not None:
        yield Place(
            experiment=experiment.name,
            levels=ordered,
            metric=recipe.metric,
            objective=recipe.objective.metric,
        )
