"""Give the trials of a queue to the workers of the cluster this driver is connected to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ray.tune import PlacementGroupFactory
from ray.tune.execution import class_cache
from ray.tune.experiment import Experiment
from ray.tune.stopper import TimeoutStopper

from orchestrator.controller import StudyController
from orchestrator.gpus.placed_trials import PlacedTrials
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.resources import DRIVER_CPUS
from orchestrator.scheduler import StudyScheduler
from orchestrator.searcher import StudyTrials
from orchestrator.settings import Settings
from orchestrator.trial import TrialEnvironment, make_trial_function


def run_trials(
    queue: StudyQueue,
    settings: Settings,
    folder: Path,
    slots: int,
    on_interrupt: Callable[[], None],
) -> None:
    """Run what is left of a queue, until it is empty, the time is up, or the first Ctrl-C.

    Args:
        folder: of the study.
        slots: trials at once.
        on_interrupt: called after a Ctrl-C, before the workers are stopped.

    Raises:
        XenograftError: what the queue could not do, as to write its ledger.
    """
    _use_waiting_workers()
    groups = settings.workers_per_trial > 1
    environment = TrialEnvironment(
        folder=folder,
        locations=settings.locations,
        workers=settings.workers_per_trial,
        cpus_per_worker=settings.cpus_per_worker,
        gpus_per_worker=settings.gpus,
        loader_workers=settings.loader_workers,
        compile=settings.compile,
        timeout_s=60 * settings.trial_timeout_min,
    )
    experiment = Experiment(
        "tune",
        make_trial_function(environment),
        storage_path=str(folder),
        max_failures=settings.max_retries,
    )
    controller = StudyController(
        search_alg=StudyTrials(queue, experiment, slots, partial(_resources, settings)),
        scheduler=StudyScheduler(queue, groups=groups),
        stopper=TimeoutStopper(settings.time_budget_s) if settings.time_budget_s else None,
        callbacks=[PlacedTrials(queue.room)],
        storage=experiment.storage,
        reuse_actors=not groups,
    )
    controller.run(on_interrupt)


def _use_waiting_workers() -> None:
    """Let trials run in the workers that Ray starts ahead of them.

    Tune gives its actors a variable for Lightning. Ray then starts an interpreter to set it before
    each worker, and those that wait, which do not have it, are of no use.
    """
    class_cache.DEFAULT_ENV_VARS.clear()


def _resources(settings: Settings, gpus: float) -> PlacementGroupFactory:
    """Return what Tune holds for a trial.

    Args:
        gpus: of one rank of it.
    """
    if settings.workers_per_trial > 1:
        return PlacementGroupFactory([{"CPU": DRIVER_CPUS}])
    held = {"CPU": settings.cpus_per_worker, "GPU": gpus}
    return PlacementGroupFactory([{name: amount for name, amount in held.items() if amount}])
