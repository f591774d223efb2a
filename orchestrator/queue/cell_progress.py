"""Where one cell stands: its search, the config validation chose, its replicates, its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.events import GOES_ON, EndEvent, EndState, FailureKind, Phase, StartEvent
from orchestrator.plan import PlannedCell
from orchestrator.selection import SamplerName
from trainables.config import canonical, digest, flatten, replace_path, seed_from

if TYPE_CHECKING:
    from orchestrator.queue.brackets import Brackets
    from orchestrator.queue.cell_search import CellSearch

_OF_STOPPED = "chosen from trials that were stopped early, as none finished"


@dataclass(frozen=True, kw_only=True)
class Work:
    """One trial to run: everything a worker needs, in plain data."""

    trial: str
    cell: str
    cell_label: str
    phase: Phase
    index: int
    seed: int
    trainable: str
    config: Mapping[str, Any]
    """Canonical (nested) config."""
    flat_config: Mapping[str, Any]
    params: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Name -> id of the trial whose artifacts are meant."""
    attempt: int = 0
    after: FailureKind | None = None
    """What the attempt before failed of."""
    micro_batches: int = 1

    @property
    def label(self) -> str:
        """``search-003`` or ``replicate-1``."""
        return (
            f"search-{self.index:03d}" if self.phase == "search" else f"replicate-{self.index + 1}"
        )


@dataclass(kw_only=True)
class TrialRecord:
    """What is known of a trial that was handed out."""

    work: Work
    values: dict[int, float] = field(default_factory=dict)
    state: EndState | None = None
    value: float | None = None
    stop: bool = False
    """It has to stop at its last report; ``failure`` says why, if not for ASHA."""
    failure: tuple[FailureKind, str] | None = None
    lost: bool = False
    """It failed of what the next run may be spared, and is tried again there."""

    @property
    def running(self) -> bool:
        return self.state is None


@dataclass(frozen=True, kw_only=True)
class CellEnd:
    """How a cell ended."""

    state: Literal["complete", "failed"]
    replicates: tuple[str, ...]
    chosen: Mapping[str, Any]
    reason: str = ""


class CellProgress:
    """The phases of one cell, without clock, files or Ray.

    Args:
        cell: the plan of the cell.
        sampler: how its search suggests configs; None to look only, without Optuna and ASHA.
    """

    def __init__(self, cell: PlannedCell, sampler: SamplerName | None) -> None:
        self.cell = cell
        self.records: dict[str, TrialRecord] = {}
        self.interrupted: list[TrialRecord] = []
        self.end: CellEnd | None = None
        self.blocked = ""
        """Why no further trial is handed out; the cell fails once those at work have ended."""
        self.input_trials: dict[str, tuple[str, ...]] = {}
        self._failed_before: dict[str, TrialRecord] = {}
        # Kept as counts, because the queue asks every cell each time it hands out a trial.
        self._searched = 0
        self._running: dict[Phase, int] = {"search": 0, "replicate": 0}
        self._search: CellSearch | None = None
        self._brackets: Brackets | None = None
        if cell.search_trials and sampler is not None:
            from orchestrator.queue.brackets import Brackets
            from orchestrator.queue.cell_search import CellSearch

            self._search = CellSearch(
                cell=cell.id,
                space=cell.space,
                mode=cell.objective.mode,
                sampler=sampler,
                base=cell.config,
                grid_points=cell.search_trials if cell.recipe == "grid" else 0,
            )
            self._brackets = Brackets(cell.objective, cell.budget, cell.steps)

    # What there is to do

    def next_work(self) -> Work | None:
        """Return the next trial to hand out, or None while there is nothing (now)."""
        if self.interrupted:
            return self._again(self.interrupted.pop(0).work)
        if self.end is not None or self.blocked:
            return None
        if self._searched < self.cell.search_trials:
            return self._next_search(self._searched)
        return None if self.searching else self._next_replicate()

    def conclude(self) -> CellEnd | None:
        """Return how the cell ends if this is the moment it does, once."""
        if self.end is not None or self.interrupted or self.running:
            return None
        if self.blocked:
            return self.fail(self.blocked)
        if self.searching:
            return None
        chosen = self.chosen()
        if chosen is None:
            return self.fail("no search trial finished")
        reasons = [] if self._has_finished() else [_OF_STOPPED]
        wanted = [self._replicate(chosen, i) for i in range(self.cell.budget.replicates)]
        states = [self.records[w.trial].state if w.trial in self.records else None for w in wanted]
        if None in states:
            return None
        done = tuple(
            w.trial for w, state in zip(wanted, states, strict=True) if state == "complete"
        )
        failed = len(wanted) - len(done)
        if failed:
            reasons.append(f"{failed} of {len(wanted)} replicates failed")
        return self._ends(
            CellEnd(
                state="failed" if failed else "complete",
                replicates=done,
                chosen=chosen,
                reason="; ".join(reasons),
            )
        )

    def fail(self, reason: str) -> CellEnd:
        """End the cell without its number."""
        return self._ends(CellEnd(state="failed", replicates=(), chosen={}, reason=reason))

    def chosen(self) -> dict[str, Any] | None:
        """Return the parameters that validation chose; {} without a search; None if none can be.

        If no trial finished, because all that ASHA let go on became NaN, the choice is made of
        those that it stopped, among the ones that went furthest. While one is lost that the next
        run may finish, there is none.
        """
        if not self.cell.search_trials:
            return {}
        if not self._has_finished() and any(r.lost for r in self._searched_records()):
            return None
        ended = (r for r in self._searched_records() if r.state in ("complete", "pruned"))
        best = max(ended, key=self._standing, default=None)
        return None if best is None else dict(best.work.params)

    @property
    def running(self) -> int:
        """Trials handed out that have not ended."""
        return sum(self._running.values()) - len(self.interrupted)

    @property
    def searching(self) -> bool:
        """Whether the search phase is still open."""
        return self._searched < self.cell.search_trials or self._running["search"] > 0

    @property
    def planned_trials(self) -> int:
        """Trials this cell runs in all."""
        return self.cell.search_trials + self.cell.budget.replicates

    # What happens

    def started(self, work: Work) -> None:
        """Record that a trial was handed out."""
        again = self.records.get(work.trial)
        if again is not None:
            again.work = work
            return
        before = self._failed_before.pop(work.trial, None)
        self.records[work.trial] = TrialRecord(work=work, values=before.values if before else {})
        self._running[work.phase] += 1
        self._searched += work.phase == "search"
        if work.phase == "search" and self._brackets is not None:
            self._brackets.add(work.trial)

    def reported(self, trial: str, step: int, value: float) -> bool:
        """Record a new objective value; return whether ASHA stops the trial."""
        record = self.records[trial]
        record.values[step] = value
        if record.work.phase != "search" or self._search is None or self._brackets is None:
            return False
        self._search.report(trial, step, value)
        return self._brackets.stops(trial, step, value)

    def ended(
        self, trial: str, state: EndState, failure: FailureKind | None = None
    ) -> float | None:
        """Record the end of a trial; return its objective value."""
        record = self.records[trial]
        record.state = state
        record.lost = failure not in (None, "nan")
        record.value = self._value(record)
        self._running[record.work.phase] -= 1
        if record.work.phase == "search" and self._search is not None:
            if state == "complete" and record.value is None:
                raise ValueError(f"trial {trial} is complete without an objective value")
            self._search.tell(trial, state, record.value)
        if state != "failed":
            self._forget_details(record)
        return record.value

    def retry(self, trial: str, after: FailureKind, micro_batches: int) -> None:
        """Hand a trial out again, to go on from its checkpoint."""
        record = self.records[trial]
        record.work = replace(record.work, after=after, micro_batches=micro_batches)
        self.interrupted.append(record)

    # Rebuilding from the ledger

    def replay_start(self, event: StartEvent) -> None:
        """Take up a start from the ledger. The trial counts as interrupted until its end comes."""
        work = self._work(event.phase, event.index, event.params, event.trial)
        self._take_up(replace(work, attempt=event.attempt, micro_batches=event.micro_batches))

    def replay_end(self, event: EndEvent) -> None:
        """Take up an end from the ledger; failures that may not recur are forgotten."""
        self.ended(event.trial, event.state, event.failure)
        if event.failure is not None and event.failure != "nan":
            self.set_aside(event.trial, event.failure)

    def set_aside(self, trial: str, failure: FailureKind) -> None:
        """Count a trial that failed as one to be tried, when its turn comes again."""
        record = self.records.pop(trial)
        self._searched -= record.work.phase == "search"
        # The next run may have more memory: how far batches were split is forgotten too.
        work = replace(record.work, after=failure, micro_batches=1)
        values = record.values if failure in GOES_ON else {}
        self._failed_before[trial] = TrialRecord(
            work=work, values=values, state="failed", value=record.value, lost=True
        )

    def replay_done(self) -> None:
        """Queue what was interrupted, to go on from its checkpoint, and what failed in a search.

        A failed replicate is missed by the count of replicates, and needs no queue. A search that
        was over without a trial that failed stays so, and with it what it chose.
        """
        lost = [r for r in self._failed_before.values() if r.work.phase == "search"]
        if self._has_chosen(without=len(lost)):
            self.records |= {record.work.trial: record for record in lost}
            self._searched += len(lost)
        else:
            for failed in lost:
                self._take_up(failed.work)
        self.interrupted = [record for record in self.records.values() if record.running]

    @property
    def premature(self) -> list[str]:
        """Replicates that were at work when the driver ended, of a search that goes on."""
        if not self.searching:
            return []
        return [r.work.trial for r in self.interrupted if r.work.phase == "replicate"]

    # Inside

    def _searched_records(self) -> Iterator[TrialRecord]:
        return (r for r in self.records.values() if r.work.phase == "search")

    def _standing(self, record: TrialRecord) -> tuple[float, ...]:
        """Return what orders search trials that finished or were stopped, the best one last."""
        sign = 1.0 if self.cell.objective.mode == "max" else -1.0
        steps = math.inf if record.state == "complete" else max(record.values)
        return steps, sign * _finite(record.value), -record.work.index

    def _has_finished(self) -> bool:
        """Whether a trial of the search finished, if there is a search."""
        return not self.cell.search_trials or any(
            record.state == "complete" for record in self._searched_records()
        )

    def _has_chosen(self, without: int) -> bool:
        """Whether the search has its full length, and a replicate of what it chose is complete."""
        if self._searched + without < self.cell.search_trials or self._running["search"]:
            return False
        if without and not self._has_finished():
            return False
        chosen = self.chosen()
        return any(
            r.work.phase == "replicate" and r.state == "complete" and r.work.params == chosen
            for r in self.records.values()
        )

    def _take_up(self, work: Work) -> None:
        known = work.trial in self.records
        self.started(work)
        if not known and work.phase == "search" and self._search is not None:
            self._search.adopt(work.trial, work.params)
            for step, value in self.records[work.trial].values.items():
                self._search.report(work.trial, step, value)

    def _next_search(self, index: int) -> Work | None:
        assert self._search is not None
        work = self._work("search", index, self._search.ask())
        self._search.bind(work.trial)
        return work

    def _next_replicate(self) -> Work | None:
        chosen = self.chosen()
        if chosen is None:
            return None
        for index in range(self.cell.budget.replicates):
            work = self._replicate(chosen, index)
            if work.trial not in self.records:
                failed = self._failed_before.get(work.trial)
                return work if failed is None else self._again(failed.work)
        return None

    def _again(self, before: Work) -> Work:
        work = self._work(before.phase, before.index, before.params, before.trial)
        return replace(
            work,
            attempt=before.attempt + 1,
            after=before.after,
            micro_batches=before.micro_batches,
        )

    def _replicate(self, chosen: Mapping[str, Any], index: int) -> Work:
        return self._work("replicate", index, chosen)

    def _work(
        self,
        phase: Phase,
        index: int,
        params: Mapping[str, Any],
        trial: str | None = None,
    ) -> Work:
        config = self.cell.config
        for key, value in params.items():
            config = replace_path(config, key, value)
        inputs = {
            name: trials[index % len(trials) if phase == "replicate" else 0]
            for name, trials in self.input_trials.items()
        }
        parts: list[Any] = [self.cell.id, phase, params, inputs]
        seed_parts: list[Any] = [self.cell.id, phase]
        if phase == "replicate":
            parts.append(index)
            seed_parts.append(index)
        return Work(
            trial=trial or digest(parts)[:16],
            cell=self.cell.id,
            cell_label=self.cell.label,
            phase=phase,
            index=index,
            seed=seed_from(*seed_parts),
            trainable=config.trainable,
            config=canonical(config),
            flat_config={k: canonical(v) for k, v in flatten(config).items()},
            params=dict(params),
            inputs=inputs,
        )

    def _ends(self, end: CellEnd) -> CellEnd:
        self.end = end
        # A study has thousands of cells, and works at few of them at a time.
        self._search = self._brackets = None
        return end

    def _forget_details(self, record: TrialRecord) -> None:
        """Keep of a trial that will not run again what its cell is told by: best and last value."""
        record.work = replace(record.work, config={}, flat_config={})
        if record.values:
            pick = max if self.cell.objective.mode == "max" else min
            kept = {pick(record.values, key=record.values.__getitem__), max(record.values)}
            record.values = {step: record.values[step] for step in sorted(kept)}

    def _value(self, record: TrialRecord) -> float | None:
        finite = [v for v in record.values.values() if math.isfinite(v)]
        if not finite:
            return None
        if record.state == "pruned":
            return record.values[max(record.values)]
        return max(finite) if self.cell.objective.mode == "max" else min(finite)


def _finite(value: float | None) -> float:
    return -math.inf if value is None else value
