"""The one Tune searcher: hands Tune the trials of the study's queue.

Its state is the ledger's, so it pickles as the plan plus the ledger's path and comes back, in this
process or another, exactly as far as the ledger says.
"""

from __future__ import annotations

from typing import Any

from ray.tune.search import Searcher

from orchestrator.messages import pack_work
from orchestrator.queue import StudyQueue


class StudySearcher(Searcher):  # type: ignore[misc]
    """Suggest the next ready trial of any cell.

    Args:
        queue: the study's queue, shared with the scheduler.
    """

    def __init__(self, queue: StudyQueue) -> None:
        super().__init__()
        self._queue = queue

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Refuse a metric, mode or space of Tune's: every cell has its own."""
        del spec
        return metric is None and mode is None and not config

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
