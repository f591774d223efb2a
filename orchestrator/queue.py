"""One queue for a whole study: hands out ready trials of any cell, and writes what happens.

The queue holds no truth of its own: it appends every event to the ledger and can be rebuilt from
it, which is what resuming is. It knows nothing of Ray; ``searcher.py`` and ``scheduler.py`` connect
it to Tune.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.cell_progress import CellProgress, TrialRecord, Work
from orchestrator.events import (
    CellEndEvent,
    CellEvent,
    EndEvent,
    EndState,
    Event,
    FailureKind,
    ReportEvent,
    SessionEvent,
    StartEvent,
)
from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, PlannedCell
from orchestrator.ready_cells import ReadyCells, Urgency
from trainables.config import canonical, flatten

MOST_MICRO_BATCHES = 16
"""A trial whose memory runs out is tried again with half the micro-batch, four times."""


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
        self._look_only = look_only
        self._listeners: list[Callable[[Event], None]] = []
        sampler = None if look_only else plan.selection.sampler
        self.cells = {c.id: CellProgress(c, sampler) for c in plan.cells}
        self._order = {cell_id: i for i, cell_id in enumerate(self.cells)}
        self._needed_by = _needed_by(plan)
        # Kept up to date by _update, because asking every cell would cost more the more there are.
        self._ready = ReadyCells()
        self._unfinished = set(self.cells)
        self._running: dict[str, int] = {}
        self._remaining: dict[str, int] = {}
        self.running = 0
        """Trials handed out that have not ended."""
        self.remaining = 0
        """Trials still to run, if none is stopped or fails."""
        self._trial_cell: dict[str, str] = {}
        self._known_cells: dict[str, CellEvent] = {}
        self._known_ends: dict[str, CellEndEvent] = {}
        self._replay()

    def __reduce__(self) -> tuple[type[StudyQueue], tuple[Plan, Ledger]]:
        return StudyQueue, (self.plan, Ledger(self.ledger.path))

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event from now on."""
        self._listeners.append(listener)

    def open_session(self, selection: Mapping[str, Any], provenance: Mapping[str, str]) -> None:
        """Write that a driver starts, and every cell that is new or has changed."""
        session = SessionEvent(
            t=self._clock(),
            study=self.plan.study.name,
            selection=dict(selection),
            provenance=dict(provenance),
        )
        self._append(session)
        for cell in self.plan.cells:
            event = self._cell_event(cell)
            known = self._known_cells.get(cell.id)
            if known is None or dataclasses.replace(event, t=known.t) != known:
                self._append(event)
        self._end_what_was_decided()
        self.conclude_all()

    def conclude_all(self) -> None:
        """End the cells that have all they need, in order of need."""
        for progress in self.cells.values():
            self._conclude(progress)

    @property
    def finished(self) -> bool:
        """Whether every cell has ended."""
        return not self._unfinished

    @property
    def ended_cells(self) -> int:
        """How many cells have ended."""
        return len(self.cells) - len(self._unfinished)

    def record(self, trial: str) -> TrialRecord:
        """Return what is known of a trial."""
        return self.cells[self._trial_cell[trial]].records[trial]

    def next_work(self) -> Work | None:
        """Hand out a trial, or None while nothing is ready.

        Interrupted trials come first, then replicates (they finish cells), then searches; among
        equals the cell with the fewest trials running, which also tells Optuna most per suggestion.
        """
        while (cell_id := self._ready.first()) is not None:
            progress = self.cells[cell_id]
            work = progress.next_work()
            if work is None:
                # Until something happens to the cell.
                self._ready.discard(cell_id)
                continue
            progress.started(work)
            self._trial_cell[work.trial] = cell_id
            self._update(progress)
            self._append(_start_event(work, self._clock()))
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
        self._append(event)
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
        if kind == "out_of_memory" and splittable and parts < MOST_MICRO_BATCHES:
            progress.retry(trial, kind, 2 * parts)
            self._update(progress)
            return
        blocked = _blocked_by(progress, kind, error, self.cells.values())
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
        self._append(_start_event(record.work, self._clock()))

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
        """End the trials that had to stop when the driver died before it could write so."""
        for progress in self.cells.values():
            for record in [r for r in progress.interrupted if r.stop]:
                progress.interrupted.remove(record)
                self.on_stopped(record.work.trial)

    def _update(self, progress: CellProgress) -> None:
        """Take note of what changed in a cell: how urgent it is, and what it adds to the counts."""
        cell = progress.cell.id
        if progress.end is None and self._inputs_ready(progress):
            self._ready.put(cell, self._urgency(progress))
        else:
            self._ready.discard(cell)
        remaining = 0
        if progress.end is None:
            ended = len(progress.records) - progress.running - len(progress.interrupted)
            remaining = max(progress.planned_trials - ended, 0)
        else:
            self._unfinished.discard(cell)
        self.remaining += remaining - self._remaining.get(cell, 0)
        self._remaining[cell] = remaining
        self.running += progress.running - self._running.get(cell, 0)
        self._running[cell] = progress.running

    def _urgency(self, progress: CellProgress) -> Urgency:
        return (
            not progress.interrupted,
            progress.searching,
            progress.running,
            self._order[progress.cell.id],
        )

    def _inputs_ready(self, progress: CellProgress) -> bool:
        for name, cell_id in progress.cell.needs.items():
            needed = self.cells[cell_id].end
            if needed is None or needed.state != "complete":
                return False
            progress.input_trials[name] = needed.replicates
        return True

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
        value = progress.ended(trial, state)
        values = progress.records[trial].values
        self._append(
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
        end = progress.conclude() if self._inputs_ready(progress) else None
        self._update(progress)
        if end is None:
            return
        event = CellEndEvent(
            t=self._clock(),
            cell=progress.cell.id,
            state=end.state,
            replicates=list(end.replicates),
            chosen=dict(end.chosen),
            reason=end.reason,
        )
        known = self._known_ends.get(progress.cell.id)
        if known is None or dataclasses.replace(event, t=known.t) != known:
            self._append(event)
        if end.state == "failed":
            self._fail_dependents(progress)
        else:
            for cell in self._needed_by[progress.cell.id]:
                self._update(self.cells[cell])

    def _fail_dependents(self, failed: CellProgress) -> None:
        for cell in self._needed_by[failed.cell.id]:
            progress = self.cells[cell]
            if progress.end is None:
                end = progress.fail(f"needs {failed.cell.label}, which failed")
                self._update(progress)
                self._append(
                    CellEndEvent(
                        t=self._clock(),
                        cell=progress.cell.id,
                        state=end.state,
                        replicates=[],
                        chosen={},
                        reason=end.reason,
                    )
                )
                self._fail_dependents(progress)

    def _append(self, event: Event) -> None:
        if self._look_only:
            return
        self.ledger.append(event)
        for listener in self._listeners:
            listener(event)

    def _replay(self) -> None:
        for _, event in self.ledger.read():
            self._replay_event(event)
        for progress in self.cells.values():
            progress.replay_done()
            self._update(progress)

    def _replay_event(self, event: Event) -> None:
        if isinstance(event, CellEvent):
            self._known_cells[event.cell] = event
        elif isinstance(event, CellEndEvent):
            self._known_ends[event.cell] = event
        elif isinstance(event, StartEvent):
            if event.cell in self.cells:
                self._trial_cell[event.trial] = event.cell
                self.cells[event.cell].replay_start(event)
        elif isinstance(event, (ReportEvent, EndEvent)) and event.trial in self._trial_cell:
            progress = self.cells[self._trial_cell[event.trial]]
            if isinstance(event, EndEvent):
                progress.replay_end(event)
                return
            self._judge(progress, event)

    def _cell_event(self, cell: PlannedCell) -> CellEvent:
        return CellEvent(
            t=self._clock(),
            cell=cell.id,
            name=cell.name,
            places=[canonical(place) for place in cell.places],
            trainable=cell.config.trainable,
            version=cell.config.version,
            recipe=cell.recipe,
            config={k: canonical(v) for k, v in flatten(cell.config).items()},
            objective={"metric": cell.objective.metric, "mode": cell.objective.mode},
            space=canonical(cell.space),
            data=[dict(d) for d in cell.data],
            weights=[dict(w) for w in cell.weights],
        )


def _needed_by(plan: Plan) -> dict[str, list[str]]:
    """Return for each cell those that need it, in the order of the plan."""
    needed_by: dict[str, list[str]] = {cell.id: [] for cell in plan.cells}
    for cell in plan.cells:
        for need in dict.fromkeys(cell.needs.values()):
            needed_by[need].append(cell.id)
    return needed_by


def _start_event(work: Work, t: int) -> StartEvent:
    return StartEvent(
        t=t,
        trial=work.trial,
        cell=work.cell,
        phase=work.phase,
        index=work.index,
        seed=work.seed,
        config=dict(work.flat_config),
        params=dict(work.params),
        attempt=work.attempt,
        after=work.after,
        micro_batches=work.micro_batches,
    )


def _blocked_by(
    failed: CellProgress, kind: FailureKind, error: str, cells: Iterable[CellProgress]
) -> dict[str, str]:
    """Return the cells that would fail of the same, and why.

    A bug is met by the other trials of its cell. Damaged data is met by every cell that uses the
    data set: the one the error names, or the only one there is.
    """
    last = (error.strip().splitlines() or ["no message"])[-1]
    if kind == "bug":
        return {failed.cell.id: f"stopped at its first bug: {last}"}
    if kind != "data":
        return {}
    used = {data["digest"]: data["name"] for data in failed.cell.data}
    named = {digest for digest, name in used.items() if len(used) == 1 or name in error}
    reasons = {failed.cell.id: f"stopped at data that cannot be used: {last}"}
    for progress in cells:
        if named & {data["digest"] for data in progress.cell.data}:
            reasons[progress.cell.id] = reasons[failed.cell.id]
    return reasons
