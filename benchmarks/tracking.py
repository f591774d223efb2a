"""Driver time per report: our tracking against Ray's own MLflow callback, on one sqlite store each.

Both are driven in this process, without Ray running: results of 24 keys, from four trials, a few
per second. Time is that of the threads that do the work (``time.thread_time``): for the callback
the calling thread, for tracking the appending thread and the shipping thread together.

Run: python benchmarks/tracking.py [--reports 80] [--rate 4]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.events import CellEvent, ReportEvent, SessionEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.tracking import Tracker, init_store

KEYS = 24
TRIALS = 4


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Milliseconds per report."""

    cpu_ms: float
    wall_ms: float
    """Time the driver's main thread was kept from its work."""


def metrics(step: int) -> dict[str, float]:
    return {f"val/metric_{k:02d}": 1.0 / (step + k + 1) for k in range(KEYS)}


def pace(reports: int, rate: float, report: Callable[[int], None]) -> Cost:
    """Call ``report`` at a steady rate; return the calling thread's cost per call."""
    cpu = wall = 0.0
    begin = time.perf_counter()
    for i in range(reports):
        time.sleep(max(0.0, begin + i / rate - time.perf_counter()))
        cpu_0, wall_0 = time.thread_time(), time.perf_counter()
        report(i)
        cpu += time.thread_time() - cpu_0
        wall += time.perf_counter() - wall_0
    return Cost(cpu_ms=1e3 * cpu / reports, wall_ms=1e3 * wall / reports)


class _TimedTracker(Tracker):
    """A tracker whose thread says how much CPU time it has used."""

    cpu_s = 0.0

    def _ship(self) -> bool:
        went_well = super()._ship()
        self.cpu_s = time.thread_time()
        return went_well


def ours(folder: Path, reports: int, rate: float) -> Cost:
    uri = f"sqlite:///{folder / 'ours.db'}"
    init_store(uri)
    ledger = Ledger(folder / "bench" / "ledger.jsonl")
    now = int(time.time() * 1000)
    ledger.append(SessionEvent(t=now, study="bench", selection={}, provenance={}))
    ledger.append(_cell(now))
    for k in range(TRIALS):
        start = StartEvent(
            t=now, trial=f"t{k}", cell="c", phase="search", index=k, seed=k, config={}, params={}
        )
        ledger.append(start)
    tracker = _TimedTracker(ledger.path, uri, "bench", folder / "state.json")
    tracker.start()
    tracker.drain(120)
    before = tracker.cpu_s

    def report(i: int) -> None:
        t = int(time.time() * 1000)
        trial, step = f"t{i % TRIALS}", i // TRIALS
        ledger.append(ReportEvent(t=t, trial=trial, step=step, metrics=metrics(step)))
        tracker.wake()

    cost = pace(reports, rate, report)
    left = tracker.drain(120)
    if left:
        raise SystemExit(f"{left} events were not delivered: {tracker.last_error}")
    shipping_ms = 1e3 * (tracker.cpu_s - before) / reports
    tracker.close()
    return Cost(cpu_ms=cost.cpu_ms + shipping_ms, wall_ms=cost.wall_ms)


def _cell(t: int) -> CellEvent:
    return CellEvent(
        t=t,
        cell="c",
        name="bench/one",
        places=[],
        trainable="probe",
        version=1,
        recipe="search",
        config={},
        objective={"metric": "val/metric_00", "mode": "max"},
        space={},
        data=[],
        weights=[],
    )


class _Trial:
    """The three attributes of a Tune trial that the callback reads."""

    def __init__(self, name: str) -> None:
        self.trial_id = name
        self.config: dict[str, float] = {}
        self.local_path = None

    def __str__(self) -> str:
        return self.trial_id


def stock(folder: Path, reports: int, rate: float) -> Cost:
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    uri = f"sqlite:///{folder / 'stock.db'}"
    init_store(uri)
    callback = MLflowLoggerCallback(tracking_uri=uri, experiment_name="bench")
    callback.setup()
    trials = [_Trial(f"t{k}") for k in range(TRIALS)]
    for trial in trials:
        callback.log_trial_start(trial)

    def report(i: int) -> None:
        step = i // TRIALS
        result = {**metrics(step), "training_iteration": step}
        callback.log_trial_result(step, trials[i % TRIALS], result)

    return pace(reports, rate, report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=80)
    parser.add_argument("--rate", type=float, default=4.0, help="reports per second")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        a = ours(Path(name), arguments.reports, arguments.rate)
        b = stock(Path(name), arguments.reports, arguments.rate)
    print(
        f"{KEYS} keys, {TRIALS} trials, {arguments.rate:g} reports/s, {arguments.reports} reports"
    )
    print(f"{'':24}{'CPU ms/report':>15}{'main thread wall ms/report':>28}")
    print(f"{'xenograft tracking':24}{a.cpu_ms:15.2f}{a.wall_ms:28.2f}")
    print(f"{'MLflowLoggerCallback':24}{b.cpu_ms:15.2f}{b.wall_ms:28.2f}")
    print(f"{'ratio':24}{b.cpu_ms / a.cpu_ms:15.1f}{b.wall_ms / a.wall_ms:28.1f}")
    print(
        f"ROW | tracking a report of {KEYS} keys, CPU | {a.cpu_ms:.1f} ms "
        f"| MLflowLoggerCallback: {b.cpu_ms:.1f} ms | {b.cpu_ms / a.cpu_ms:.1f} | <= 10 ms | 0 ms"
    )


if __name__ == "__main__":
    main()
