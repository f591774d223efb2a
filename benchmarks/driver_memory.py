"""Memory of the driver while it takes trials through queue, Optuna, ASHA, ledger and tracking.

Ray is left out: a loop in its place asks the searcher for the next trial and tells the scheduler
what a trial would say, two trials at a time, three reports each. Every event goes to the ledger and
from there to an MLflow store (sqlite), as in a run. Resident memory is read at every tenth of the
trials, when the tracker has delivered what there was; imports, the first MLflow run and caches are
behind by the first tenth. The bound is what the queue has to know of each trial (its config, values
and state, to resume and to search on): the growth of the same loop without tracking.

Run: python benchmarks/driver_memory.py [--trials 10000]
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from sleeping.study import CELL, score

from orchestrator.ledger import Ledger
from orchestrator.messages import Final, Report, pack, unpack_work
from orchestrator.plan import make_plan
from orchestrator.queue import StudyQueue
from orchestrator.scheduler import StudyScheduler
from orchestrator.searcher import StudySearcher
from orchestrator.selection import Selection
from orchestrator.settings import resolve
from orchestrator.tracking import Tracker, init_store

REPORTS = 3
SEARCH, REPLICATES = 18, 2
PARTS = 10


@dataclass(frozen=True, kw_only=True)
class Grown:
    """Resident memory in MB, at every tenth of the trials."""

    resident_mb: list[float]

    @property
    def more_mb(self) -> float:
        """From the first tenth to the last."""
        return self.resident_mb[-1] - self.resident_mb[0]


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def new_queue(folder: Path, trials: int) -> StudyQueue:
    selection = Selection(
        study="sleeping.study",
        only={"cell": CELL.levels[: trials // (SEARCH + REPLICATES)]},
        search_trials=SEARCH,
        replicates=REPLICATES,
    )
    plan = make_plan(selection, resolve({"storage": folder}, {}, folder).settings.locations)
    return StudyQueue(plan, Ledger(folder / "ledger.jsonl"))


def trials_through(queue: StudyQueue) -> Iterator[int]:
    """Take every trial through the queue, two at a time; yield how many have ended."""
    searcher, scheduler = StudySearcher(queue), StudyScheduler(queue)
    queue.open_session(queue.plan.selection.to_json(), {})
    ended = itertools.count(1)
    while True:
        asked = [searcher.suggest(""), searcher.suggest("")]
        running = [SimpleNamespace(config=config) for config in asked if isinstance(config, dict)]
        if not running:
            return
        for step in range(1, REPORTS + 1):
            for trial in running:
                value = score(unpack_work(trial.config).config["x"])
                report = Report(step=step, metrics={"val/score": value, "train/loss": 1 / step})
                scheduler.on_trial_result(None, trial, pack(report))
        for trial in running:
            final = Final(metrics={"test/score": 0.5}, artifacts=False)
            scheduler.on_trial_result(None, trial, pack(final))
            yield next(ended)


def measure(trials: int, tracked: bool) -> Grown:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        queue, tracker = new_queue(folder, trials), None
        if tracked:
            uri = f"sqlite:///{folder / 'mlflow.db'}"
            init_store(uri)
            tracker = Tracker(queue.ledger.path, uri, "sleeping", folder / "tracking.json")
            queue.listen(lambda _: tracker.wake())
            tracker.start()
        resident: list[float] = []
        for ended in trials_through(queue):
            if ended % (trials // PARTS) == 0:
                if tracker is not None and tracker.drain(60):
                    raise SystemExit(f"events were not delivered: {tracker.last_error}")
                resident.append(resident_mb())
        if len(resident) != PARTS:
            raise SystemExit(f"{len(resident)} of {PARTS} parts of the trials ended")
        if tracker is not None:
            tracker.close()
        queue.ledger.close()
    return Grown(resident_mb=resident)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    trials = parser.parse_args().trials
    if trials % ((SEARCH + REPLICATES) * PARTS):
        raise SystemExit(f"--trials must be a multiple of {(SEARCH + REPLICATES) * PARTS}")
    bound = measure(trials, tracked=False)
    ours = measure(trials, tracked=True)
    print(f"resident MB at every tenth of {trials} trials, {REPORTS} reports each")
    for name, grown in (("without tracking", bound), ("with tracking", ours)):
        print(f"{name:18}" + "".join(f"{mb:8.0f}" for mb in grown.resident_mb))
    per_trial = 1e3 * ours.more_mb / (trials - trials // PARTS)
    first, last = ours.resident_mb[0], ours.resident_mb[-1]
    print(
        f"ROW | driver memory from trial {trials // PARTS} to {trials} | {first:.0f} to {last:.0f} "
        f"MB ({per_trial:.1f} kB a trial) | - | {last / first:.2f} | <= 1.1 | "
        f"{bound.more_mb:.0f} MB more, what the queue knows"
    )


if __name__ == "__main__":
    main()
