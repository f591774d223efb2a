"""What a run will cost: trials left, slots, and hours where like trials have been timed before."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from orchestrator.compiling import require_local_compiler
from orchestrator.equal_shares import require_equal_shares
from orchestrator.events import CellEvent, EndEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.plan import Plan
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.resources import local_node, trial_slots
from orchestrator.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Upper bound of the work left (ASHA may stop search trials early).

    Args:
        slots: trials at once; None for a remote cluster, which is asked when the run starts.
        seconds: wall-clock; None while no trial of some trainable has finished here.
    """

    trials: int
    done: int
    slots: int | None
    seconds: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "trials_left": self.trials,
            "trials_done": self.done,
            "slots": self.slots,
            "seconds": self.seconds,
        }

    def text(self) -> str:
        slots = "as many at a time as the cluster holds"
        if self.slots is not None:
            slots = f"{self.slots} at a time"
        text = f"\n{self.trials} trials to run ({self.done} done), {slots}; "
        if self.seconds is None:
            return text + "no time estimate: not every kind of trial has been timed here yet"
        return text + f"about {max(self.seconds / 60, 0.1):.1f} minutes, less what is stopped early"


def estimate(plan: Plan, settings: Settings) -> Estimate:
    """Estimate what is left of a plan.

    Raises:
        ResourceError: a trial can never be placed on this machine, its workers cannot share a
            batch, or there is no compiler for its network.
    """
    require_equal_shares(plan, settings.workers_per_trial)
    require_local_compiler(settings)
    ledger = Ledger(settings.study_folder(plan.study.name) / "ledger.jsonl")
    queue = StudyQueue(plan, ledger, look_only=True)
    slots = None if settings.address else trial_slots(settings, [local_node()])
    timed = _median_seconds(ledger)
    trials, done, work_s, known = 0, 0, 0.0, slots is not None
    for progress in queue.cells.values():
        ended = sum(not r.running for r in progress.records.values())
        left = max(progress.planned_trials - ended, 0)
        trainable = progress.cell.config.trainable
        known = known and (not left or trainable in timed)
        trials, done = trials + left, done + ended
        work_s += left * timed.get(trainable, 0.0)
    seconds = work_s / slots if known and slots else None
    return Estimate(trials=trials, done=done, slots=slots, seconds=seconds)


def _median_seconds(ledger: Ledger) -> dict[str, float]:
    """Return the median length of complete trials per trainable."""
    trainable_of: dict[str, str] = {}
    started: dict[str, tuple[str, int]] = {}
    lengths: dict[str, list[float]] = {}
    for _, event in ledger.read():
        if isinstance(event, CellEvent):
            trainable_of[event.cell] = event.trainable
        elif isinstance(event, StartEvent):
            started[event.trial] = (trainable_of.get(event.cell, ""), event.t)
        elif isinstance(event, EndEvent) and event.state == "complete":
            trainable, t = started[event.trial]
            lengths.setdefault(trainable, []).append((event.t - t) / 1000)
    return {name: statistics.median(values) for name, values in lengths.items()}
