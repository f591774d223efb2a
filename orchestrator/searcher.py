"""The one Tune searcher: hands Tune the trials of the study's queue.

Its state is the ledger's, so it pickles as the plan plus the ledger's path and comes back, in this
process or another, exactly as far as the ledger says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ray.tune.experiment import Experiment, Trial
from ray.tune.registry import get_trainable_cls
from ray.tune.search import ConcurrencyLimiter, Searcher, SearchGenerator
from ray.tune.trainable import Trainable

from orchestrator.messages import pack_work, unpack_gpus
from orchestrator.queue.study_queue import StudyQueue


class StudySearcher(Searcher):  # type: ignore[misc]
    """Suggest the next ready trial of any cell.

    Args:
        queue: the study's queue, shared with the scheduler.
    """

    def __init__(self, queue: StudyQueue) -> None:
        super().__init__()
        self._queue = queue

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # noqa: ARG002
        """Return a trial's config, None while nothing is ready, FINISHED when all cells ended."""
        work = self._queue.next_work()
        if work is not None:
            return pack_work(work, self._queue.room.share(work.cell))
        return str(Searcher.FINISHED) if self._queue.finished else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: ends reach the queue through the scheduler, with their reasons.

        A trial that ends without one was interrupted: it stays open, to be resumed.
        """

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger holds the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the queue was rebuilt from the ledger."""


class _StudyTrial(Trial):  # type: ignore[misc]
    """A trial that costs less than Tune's own.

    That one asks the cluster for its class three times, and keeps statistics of every number that
    Tune adds to a report.
    """

    def __init__(self, trainable: type[Trainable], name: str, **options: Any) -> None:
        self._trainable = trainable
        super().__init__(name, stub=True, **options)

    def get_trainable_cls(self) -> type[Trainable]:
        """Return the class that runs the trial."""
        return self._trainable

    def update_last_result(self, result: dict[str, Any]) -> None:
        """Keep a report until the next one."""
        self.run_metadata.last_result = result


class StudyTrials(SearchGenerator):  # type: ignore[misc]
    """Make Tune's trials of what is suggested.

    Tune's own way parses a command line for each, and keeps its config three times over.

    Args:
        queue: the study's queue, shared with the scheduler.
        experiment: the function that trials run, and where their files go.
        slots: trials at once.
        resources: what a trial holds, given the GPUs of one rank of it.
    """

    def __init__(
        self,
        queue: StudyQueue,
        experiment: Experiment,
        slots: int,
        resources: Callable[[float], Any],
    ) -> None:
        super().__init__(ConcurrencyLimiter(StudySearcher(queue), max_concurrent=slots))
        # Tune compares what trials hold whenever it looks for a worker: equal ones are one.
        self._resources = cache(resources)
        self._trainable = get_trainable_cls(experiment.run_identifier)
        self.add_configurations([experiment])

    def create_trial_if_possible(self, experiment_spec: Mapping[str, Any]) -> Trial | None:
        """Return the next trial, None while there is none."""
        trial_id = Trial.generate_id()
        config = self.searcher.suggest(trial_id)
        if config == Searcher.FINISHED:
            self.set_finished()
        if not isinstance(config, dict):
            return None
        return _StudyTrial(
            self._trainable,
            experiment_spec["run"],
            config=config,
            trial_id=trial_id,
            storage=experiment_spec["storage"],
            placement_group_factory=self._resources(unpack_gpus(config)),
            trial_dirname_creator=lambda trial: trial.trial_id,
            max_failures=experiment_spec["max_failures"],
        )
