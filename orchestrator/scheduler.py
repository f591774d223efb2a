"""The one Tune scheduler: passes what trials say to the queue and tells Tune what to stop.

ASHA itself is per cell (``queue/brackets.py``); the order in which trials start is the queue's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from orchestrator.events import FailureKind
from orchestrator.failures import LOST_PEER
from orchestrator.heartbeat import hung_note
from orchestrator.messages import Final, Report, unpack, unpack_trial
from orchestrator.queue.study_queue import StudyQueue

_DEATHS = (
    *("actor died", "actor is dead", "is unavailable", "ActorDied", "ActorUnavailable"),
    *("WorkerCrashed", "NodeDied", "RayletDied"),
    *LOST_PEER,
)
"""Words in Tune's error file that mean the worker is gone rather than that the code is wrong."""


_MOST_ERROR = 4000  # characters


class StudyScheduler(FIFOScheduler):  # type: ignore[misc]
    """Feed results to the queue; stop what the cell's ASHA brackets stop.

    Args:
        queue: the study's queue, shared with the searcher.
        groups: a trial is a group of ranks, which ends by itself after its last word; otherwise
            its worker is given to the next trial at once.
    """

    def __init__(self, queue: StudyQueue, groups: bool = False) -> None:
        super().__init__()
        self._queue = queue
        self._at_last_word = str(TrialScheduler.CONTINUE if groups else TrialScheduler.STOP)
        # Attempts that failed: Tune says their last word again, and the trial may be in another.
        self._failed: set[tuple[str, int]] = set()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Return STOP or CONTINUE for a result. Tune repeats the last one when a group returns."""
        message = unpack(result)
        if message is None or not self._is_at_work(trial):
            return str(TrialScheduler.CONTINUE)
        trial_id, attempt = unpack_trial(trial.config)
        if isinstance(message, Report):
            if self._queue.on_report(trial_id, message.step, message.metrics):
                self._queue.on_stopped(trial_id)
                return str(TrialScheduler.STOP)
            return str(TrialScheduler.CONTINUE)
        if isinstance(message, Final):
            artifacts = f"trials/{trial_id}/artifacts" if message.artifacts else None
            self._queue.on_complete(trial_id, message.metrics, artifacts)
        else:
            self._failed.add((trial_id, attempt))
            self._queue.on_failure(trial_id, message.kind, message.error, message.splittable)
        return self._at_last_word

    def on_trial_complete(
        self,
        tune_controller: Any,  # noqa: ARG002
        trial: Any,
        result: Mapping[str, Any],
    ) -> None:
        """Record a trial that left without a word, as ``sys.exit`` in a trainable does.

        Tune also calls this for trials that an interruption cuts off; those are not 'done'.
        """
        if result.get("done") and self._is_at_work(trial):
            trial_id, _ = unpack_trial(trial.config)
            self._queue.on_failure(trial_id, "bug", "the trial exited before run() returned")

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:  # noqa: ARG002
        """Record a trial whose worker died or hung, or whose bridge broke.

        Tune calls this at every death; while it will try again, the trial is not at its end.
        """
        if not self._is_at_work(trial):
            return
        trial_id, _ = unpack_trial(trial.config)
        kind, text = self._cause(trial_id, trial.error_file)
        if trial.should_recover():
            self._queue.on_retry(trial_id, kind)
        else:
            self._queue.on_failure(trial_id, kind, text[-_MOST_ERROR:])

    def _is_at_work(self, trial: Any) -> bool:
        trial_id, attempt = unpack_trial(trial.config)
        return self._queue.record(trial_id).running and (trial_id, attempt) not in self._failed

    def _cause(self, trial_id: str, error_file: str | None) -> tuple[FailureKind, str]:
        hung = hung_note(self._queue.ledger.path.parent / "trials" / trial_id)
        if hung is not None:
            return "hung", f"{hung.read_text()}\nnothing was reported within --trial-timeout"
        text = Path(error_file).read_text() if error_file else "its worker died"
        died = not error_file or any(name in text for name in _DEATHS)
        return "infrastructure" if died else "bug", text

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger holds the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the queue was rebuilt from the ledger."""
