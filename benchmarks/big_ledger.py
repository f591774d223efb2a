"""What a big study costs its driver: rebuild the queue from 10,000 trials, then hand out more.

The ledger is written here, not run: every trial searched, reported five times and ended; no cell is
at its end. The bound of the rebuild is reading the same ledger without doing anything. Then 50 more
trials are taken through the rebuilt queue, and each of its calls is timed (Optuna's suggestion,
ASHA and writing the ledger included; median).

Run: python benchmarks/big_ledger.py [--cells 500]
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from sleeping.study import CELL, REPORTS, score

from orchestrator.events import EndEvent, Event, ReportEvent, StartEvent, encode
from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, PlannedCell, make_plan
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.selection import Selection
from orchestrator.settings import resolve
from trainables.config import flatten, seed_from

TRIALS = 10_000
MORE = 50

P = ParamSpec("P")
T = TypeVar("T")


def plan(folder: Path, cells: int) -> Plan:
    """Plan so many cells, each with one search trial in five still to come."""
    selection = Selection(
        study="sleeping.study",
        only={"cell": CELL.levels[:cells]},
        search_trials=TRIALS // cells * 5 // 4,
    )
    return make_plan(selection, resolve({"storage": folder}, {}, folder).settings.locations)


def write_ledger(path: Path, planned: Plan) -> None:
    rng = random.Random(0)
    per_cell = TRIALS // len(planned.cells)
    with path.open("w") as file:
        for index in range(per_cell):
            for cell in planned.cells:
                for event in _events(cell, index, rng.random()):
                    file.write(encode(event) + "\n")


def _events(cell: PlannedCell, index: int, x: float) -> list[Event]:
    trial, value = f"{cell.id}-{index}", score(x)
    config = flatten(dataclasses.replace(cell.config, x=x))
    start = StartEvent(
        t=0,
        trial=trial,
        cell=cell.id,
        phase="search",
        index=index,
        seed=seed_from(cell.id),
        config=config,
        params={"x": x},
    )
    reports = [
        ReportEvent(t=0, trial=trial, step=step, metrics={"val/score": value, "train/loss": 0.5})
        for step in range(1, REPORTS + 1)
    ]
    return [start, *reports, EndEvent(t=0, trial=trial, state="complete", value=value)]


def timed(times_s: list[float], call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    begin = time.perf_counter()
    result = call(*args, **kwargs)
    times_s.append(time.perf_counter() - begin)
    return result


def go_on(queue: StudyQueue) -> dict[str, float]:
    """Take more trials through the queue; return the median time of each call in seconds."""
    times: dict[str, list[float]] = {"next_work": [], "on_report": [], "on_complete": []}
    for _ in range(MORE):
        work = timed(times["next_work"], queue.next_work)
        if work is None:
            raise SystemExit("the queue has nothing to hand out, so nothing is measured")
        metrics = {"val/score": score(work.config["x"]), "train/loss": 0.5}
        for step in range(1, REPORTS + 1):
            timed(times["on_report"], queue.on_report, work.trial, step, metrics)
        timed(times["on_complete"], queue.on_complete, work.trial, {}, None)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=500)
    cells = parser.parse_args().cells
    with tempfile.TemporaryDirectory() as name:
        planned = plan(Path(name), cells)
        path = Path(name) / "ledger.jsonl"
        write_ledger(path, planned)
        StudyQueue(planned, Ledger(Path(name) / "none.jsonl"))  # imports Optuna and Ray Tune
        took: list[float] = []
        timed(took, lambda: sum(1 for _ in Ledger(path).read()))
        queue = timed(took, StudyQueue, planned, Ledger(path))
        calls = go_on(queue)
        queue.ledger.close()
        megabytes = path.stat().st_size / 1e6
    read_s, rebuild_s = took
    print(f"{TRIALS} trials x {REPORTS} reports in {cells} cells, ledger of {megabytes:.0f} MB")
    print(f"{'bound: read':16}{read_s:10.2f} s")
    print(f"{'rebuild':16}{rebuild_s:10.2f} s{rebuild_s / read_s:8.1f} x bound")
    for call, seconds in calls.items():
        print(f"{call:16}{1e3 * seconds:10.2f} ms")
    print(
        f"ROW | rebuild a study of {TRIALS:,} trials | {rebuild_s:.1f} s | - | - | - "
        f"| {read_s:.1f} s, reading its ledger"
    )


if __name__ == "__main__":
    main()
