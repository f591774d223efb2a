"""Ray Tune's controller as this project drives it: step by step, and without a memory of its own.

``Tuner.fit`` keeps every trial of a run, pickles all of them into a snapshot at its end, and reads
that again to say how they went. The ledger has all that.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ray.tune import TuneError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from trainables.errors import XenograftError


class StudyController(TuneController):  # type: ignore[misc]
    """Place trials on workers, and forget those that have ended."""

    def run(self, on_interrupt: Callable[[], None]) -> None:
        """Run trials until the searcher has no more, the time is up, or the first Ctrl-C.

        Args:
            on_interrupt: called after a Ctrl-C, before the workers are stopped.

        Raises:
            XenograftError: what the queue could not do, as to write its ledger.
        """
        with _first_interrupt() as interrupted:
            try:
                while not (interrupted.is_set() or self.is_finished()):
                    self.step()
                if interrupted.is_set():
                    on_interrupt()
            except TuneError as error:
                # Tune turns what its callbacks raise into text.
                if isinstance(error.__context__, XenograftError):
                    raise error.__context__ from None
                raise
            finally:
                self.cleanup()

    def checkpoint(self, force: bool = False, wait: bool = False) -> None:
        """Do nothing: the ledger holds the state."""

    def _update_trial_queue(self, blocking: bool = False, timeout: int = 600) -> bool:
        """Take the next trial, if there is one; Tune asks to wait when no trial runs.

        Raises:
            RuntimeError: nothing runs, so nothing will ever be ready: better than to wait for it.
        """
        taken = super()._update_trial_queue(blocking=False, timeout=timeout)
        if blocking and not taken and not self.is_finished():
            raise RuntimeError(
                "no trial runs, none is ready, and yet cells are unfinished; "
                "nothing is lost: `xenograft resume` looks at all of them anew"
            )
        return bool(taken)

    def _on_trial_reset(self, trial: Trial, success: bool) -> None:
        """Start a trial in a worker that ran another, unless that one does not leave it.

        Tune itself would fail the trial and tell nobody, and the run would wait for it for ever.
        """
        if success:
            super()._on_trial_reset(trial, success)
            return
        cause = TuneError("the worker is unavailable: its last trial did not leave it")
        self._trial_task_failure(trial, exception=cause)

    def _trial_task_failure(self, trial: Trial, exception: Exception) -> None:
        """Try a trial again whose worker failed, also one that waited for a trial and was lost.

        Tune tells of such a worker twice, and takes the second time for the end of the trial,
        which waits by then to be tried again.
        """
        if trial in self._resetting_trials:
            self._resetting_trials.remove(trial)
            if trial.status == Trial.PENDING:
                self._set_trial_status(trial, Trial.RUNNING)
                self._unstage_trial_with_resources(trial)
        elif trial.status == Trial.PENDING:
            return
        super()._trial_task_failure(trial, exception=exception)

    def on_step_end(self) -> None:
        """Forget the trials that have ended; their workers are known apart from them."""
        super().on_step_end()
        for trial in self._stopped_trials | self._failed_trials:
            self._trials.remove(trial)
            self._live_trials.discard(trial)
        self._stopped_trials.clear()
        self._failed_trials.clear()
        # What the next snapshot would have to tell.
        self._trials_to_cache.clear()


@contextmanager
def _first_interrupt() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C sets; the next one interrupts as ever."""
    interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(_: int, __: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
