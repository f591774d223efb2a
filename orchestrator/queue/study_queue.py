"""One queue for a whole study: hands out ready trials of any cell, and writes what happens.

The queue holds no truth of its own: it appends every event to the ledger and can be rebuilt from
it, which is what resuming is. It knows nothing of Ray; ``searcher.py`` and ``scheduler.py`` connect
it to Tune.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.event_log import EventLog
from orchestrator.events import (
    EndEvent,
    EndState,
    Event,
    FailureKind,
    ReportEvent,
    SessionEvent,
    StartEvent,
)
from orchestrator.gpus.room import GpuRoom
from orchestrator.ledger import Ledger
from orchestrator.plan import Plan
from orchestrator.queue.agenda import Agenda
from orchestrator.queue.blocked_cells import blocked_by
from orchestrator.queue.cell_progress import CellProgress, TrialRecord, Work
from orchestrator.queue.queue_events import cell_end_event, cell_event, start_event

MOST_MICRO_BATCHES = 16
"""A trial whose memory runs out is tried again with half the micro-batch, four times."""

_PREMATURE = "interrupted, and its search goes on: the choice is still to be made"


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class StudyQueue:
    """The state of a study's run.

    Args:
        plan: what to run.
        ledger: where events go, and where they are read from first.
        clock: gives event times in ms.
        look_only: rebuild the state to show it, without Optuna and ASHA.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        clock: Callable[[], int] = now_ms,
        look_only: bool = False,
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self._clock = clock
        self._log = EventLog(ledger, look_only)
        sampler = None if look_only else plan.selection.sampler
        self.cells = {c.id: CellProgress(c, sampler) for c in plan.cells}
        self._agenda = Agenda(self.cells)
        self._trial_cell: dict[str, str] = {}
        self._replay()

    def __reduce__(self) -> tuple[type[StudyQueue], tuple[Plan, Ledger]]:
        return StudyQueue, (self.plan, Ledger(self.ledger.path))

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event from now on."""
        self._log.listen(listener)

    def open_session(self, selection: Mapping[str, Any], provenance: Mapping[str, str]) -> None:
        """Write that a driver starts, and every cell that is new or has changed."""
        session = SessionEvent(
            t=self._clock(),
            study=self.plan.study.name,
            selection=dict(selection),
            provenance=dict(provenance),
        )
        self._log.append(session)
        for cell in self.plan.cells:
            self._log.append_if_new(cell_event(cell, self._clock()))
        self._end_what_was_decided()
        self.conclude_all()

    def conclude_all(self) -> None:
        """End the cells that have all they need, in order of need."""
        for progress in self.cells.values():
            self._conclude(progress)

    @property
    def finished(self) -> bool:
        """Whether every cell has ended."""
        return not self._agenda.unfinished

    @property
    def ended_cells(self) -> int:
        """How many cells have ended."""
        return len(self.cells) - self._agenda.unfinished

    @property
    def running(self) -> int:
        """Trials handed out that have not ended."""
        return self._agenda.running

    @property
    def remaining(self) -> int:
        """Trials still to run, if none is stopped or fails."""
        return self._agenda.remaining

    @property
    def room(self) -> GpuRoom:
        """What trials take of the GPUs; set before the first one is handed out."""
        return self._agenda.room

    @room.setter
    def room(self, room: GpuRoom) -> None:
        self._agenda.room = room

    def record(self, trial: str) -> TrialRecord:
        """Return what is known of a trial."""
        return self.cells[self._trial_cell[trial]].records[trial]

    def next_work(self) -> Work | None:
        """Hand out a trial, or None while nothing is ready.

        Interrupted trials come first, then replicates (they finish cells), then searches; among
        equals the cell with the fewest trials running, which also tells Optuna most per suggestion.
        """
        while (progress := self._agenda.next()) is not None:
            work = progress.next_work()
            if work is None:
                self._agenda.has_nothing(progress)
                continue
            progress.started(work)
            self._trial_cell[work.trial] = progress.cell.id
            self.room.handed_out(work.trial)
            self._agenda.update(progress)
            self._log.append(start_event(work, self._clock()))
            return work
        return None

    def on_report(self, trial: str, step: int, metrics: Mapping[str, float]) -> bool:
        """Take a report; return whether the trial has to stop there.

        A step that was reported before (the trial went on from a checkpoint) is ignored.
        """
        progress = self.cells[self._trial_cell[trial]]
        record = progress.records[trial]
        if record.values and step <= max(record.values):
            return False
        event = ReportEvent(t=self._clock(), trial=trial, step=step, metrics=dict(metrics))
        self._log.append(event)
        self._judge(progress, event)
        return record.stop

    def on_complete(self, trial: str, metrics: Mapping[str, float], artifacts: str | None) -> None:
        """Take the regular end of a trial with what run() returned."""
        record = self.record(trial)
        if not record.values:
            self.on_failure(trial, "bug", "run() returned without a single report")
            return
        self._end(trial, "complete", metrics=metrics, artifacts=artifacts)

    def on_stopped(self, trial: str) -> None:
        """Take the end of a trial that ASHA stopped, or whose objective was not a number."""
        failure = self.record(trial).failure
        if failure is None:
            self._end(trial, "pruned")
        else:
            self.on_failure(trial, *failure)

    def on_failure(
        self, trial: str, kind: FailureKind, error: str, splittable: bool = False
    ) -> None:
        """Take the failure of a trial, and do what its kind asks for.

        Args:
            splittable: less memory would do if its batches were computed in more parts.
        """
        progress = self.cells[self._trial_cell[trial]]
        parts = progress.records[trial].work.micro_batches
        if kind == "out_of_memory":
            more = self.room.enlarge(progress.cell.id)
            halved = splittable and parts < MOST_MICRO_BATCHES
            if more or halved:
                self.room.left_waiting(trial)
                progress.retry(trial, kind, parts if more else 2 * parts)
                self._agenda.update(progress)
                return
        blocked = blocked_by(progress, kind, error, self.cells.values())
        for cell, reason in blocked.items():
            self.cells[cell].blocked = self.cells[cell].blocked or reason
        self._end(trial, "failed", failure=kind, error=error)
        for cell in blocked:
            self._conclude(self.cells[cell])

    def on_retry(self, trial: str, kind: FailureKind) -> None:
        """Take note that Tune starts a trial again whose worker was lost."""
        record = self.record(trial)
        attempt = record.work.attempt + 1
        record.work = dataclasses.replace(record.work, attempt=attempt, after=kind)
        self._log.append(start_event(record.work, self._clock()))

    # Inside

    def _judge(self, progress: CellProgress, event: ReportEvent) -> None:
        """Decide from a report whether the trial stops there."""
        record = progress.records[event.trial]
        objective = progress.cell.objective.metric
        value = event.metrics.get(objective)
        record.stop = True
        if value is None:
            missing = f"no '{objective}' among the metrics reported at step {event.step}"
            record.failure = ("bug", missing)
        elif not math.isfinite(value):
            record.failure = ("nan", f"{objective} is {value} at step {event.step}")
        else:
            record.stop = progress.reported(event.trial, event.step, value)

    def _end_what_was_decided(self) -> None:
        """End the trials that had to stop when the driver died before it could write so.

        So do replicates of a search that goes on, because it lost trials or was given more.
        """
        for progress in self.cells.values():
            for record in [r for r in progress.interrupted if r.stop]:
                progress.interrupted.remove(record)
                self.on_stopped(record.work.trial)
            for trial in progress.premature:
                progress.interrupted.remove(progress.records[trial])
                self._end(trial, "failed", failure="infrastructure", error=_PREMATURE)
                progress.set_aside(trial, "infrastructure")
                self._agenda.update(progress)

    def _end(
        self,
        trial: str,
        state: EndState,
        metrics: Mapping[str, float] | None = None,
        artifacts: str | None = None,
        failure: FailureKind | None = None,
        error: str = "",
    ) -> None:
        progress = self.cells[self._trial_cell[trial]]
        self.room.left_waiting(trial)
        value = progress.ended(trial, state, failure)
        values = progress.records[trial].values
        self._log.append(
            EndEvent(
                t=self._clock(),
                trial=trial,
                state=state,
                value=value,
                step=max(values) if values else 0,
                metrics=dict(metrics or {}),
                artifacts=artifacts,
                failure=failure,
                error=error,
            )
        )
        self._conclude(progress)

    def _conclude(self, progress: CellProgress) -> None:
        end = progress.conclude() if self._agenda.inputs_ready(progress) else None
        self._agenda.update(progress)
        if end is None:
            return
        self._log.append_if_new(cell_end_event(progress.cell, end, self._clock()))
        if end.state == "failed":
            self._fail_dependents(progress)
        else:
            for needing in self._agenda.needing(progress):
                # It may have all its replicates from a run before.
                self._conclude(needing)

    def _fail_dependents(self, failed: CellProgress) -> None:
        for progress in self._agenda.needing(failed):
            if progress.end is None:
                end = progress.fail(f"needs {failed.cell.label}, which failed")
                self._agenda.update(progress)
                self._log.append(cell_end_event(progress.cell, end, self._clock()))
                self._fail_dependents(progress)

    def _replay(self) -> None:
        for event in self._log.read():
            self._replay_event(event)
        for progress in self.cells.values():
            progress.replay_done()
            self._agenda.update(progress)

    def _replay_event(self, event: Event) -> None:
        if isinstance(event, StartEvent):
            if event.cell in self.cells:
                self._trial_cell[event.trial] = event.cell
                self.cells[event.cell].replay_start(event)
        elif isinstance(event, (ReportEvent, EndEvent)) and event.trial in self._trial_cell:
            progress = self.cells[self._trial_cell[event.trial]]
            if isinstance(event, EndEvent):
                progress.replay_end(event)
                return
            self._judge(progress, event)
