"""What the whole stack costs: 200 short trials against the shortest possible time and bare Tune.

Both sides run on one local Ray cluster, two trials at a time, the same function (it sleeps and
reports five times). Ours is a study of 20 cells with 8 search trials and 2 replicates each: queue,
Optuna, ASHA, ledger, and every record delivered to MLflow (sqlite) before the clock stops. Bare
Tune has random search, reused workers, and no loggers, snapshots or tracking.

The clock of both runs from the call to its return, so the start of two workers is in it. Starting
Ray is not, nor is a run of one trial before, in which the driver imports what it needs and makes
the MLflow store; both are printed. The bound is trials x time / 2, and for the part after the first
report what is then left.

CPU is that of the driver process with all its threads. A start is the time from handing a trial out
to its first report, less what it sleeps before that, of all trials but the first of each worker.

Run: python benchmarks/overhead.py [--trial-s 1.0]
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from sleeping.study import CELL, REPORTS, SPACE, score

from orchestrator.events import EndEvent, ReportEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.plan import make_plan
from orchestrator.selection import Selection
from orchestrator.settings import Settings, resolve

CELLS = 20
TRIALS = 200
SLOTS = 2
GOAL = 1.05
"""Makespan over the bound."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one side took, in seconds."""

    makespan_s: float
    driver_cpu_s: float
    first_report_s: float
    """From the call to the first report: workers start and import in this time."""


def start_ray(folder: Path) -> float:
    """Start a cluster for both sides; return how long it took, import included."""
    begin = time.perf_counter()
    os.environ.update(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        RAY_USAGE_STATS_ENABLED="0",
        RAY_AIR_NEW_OUTPUT="0",
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
        TUNE_GLOBAL_CHECKPOINT_S=str(10**9),
    )
    import ray

    ray.init(
        address="local",
        num_cpus=SLOTS,
        include_dashboard=False,
        object_store_memory=80 * 1024**2,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=str(folder),
    )
    return time.perf_counter() - begin


def measure(call: Callable[[], float]) -> Cost:
    """Time ``call``, which returns when (seconds since the epoch) its first report came."""
    began_at, wall_s, cpu_s = time.time(), time.perf_counter(), time.process_time()
    first_at = call()
    return Cost(
        makespan_s=time.perf_counter() - wall_s,
        driver_cpu_s=time.process_time() - cpu_s,
        first_report_s=first_at - began_at,
    )


def ours(settings: Settings, selection: Selection, trials: int) -> float:
    from orchestrator.runner import run_plan

    before = time.time()
    outcome = run_plan(
        make_plan(selection, settings.locations), settings, Console(file=io.StringIO())
    )
    if (outcome.ran, outcome.failed_cells, outcome.undelivered) != (trials, {}, 0):
        raise SystemExit(f"the run did not do what is measured: {outcome}")
    events = (event for _, event in Ledger(settings.storage / "sleeping" / "ledger.jsonl").read())
    reports = (event.t / 1000 for event in events if isinstance(event, ReportEvent))
    return next(t for t in reports if t >= before)


def starts_s(settings: Settings, trial_s: float) -> list[float]:
    """Return how long trials took to start in workers that had run one before."""
    handed_out: dict[str, int] = {}
    taken_ms: dict[str, int] = {}
    for _, event in Ledger(settings.storage / "sleeping" / "ledger.jsonl").read():
        if isinstance(event, StartEvent):
            handed_out[event.trial] = event.t
        elif isinstance(event, ReportEvent):
            taken_ms.setdefault(event.trial, event.t - handed_out[event.trial])
    latest = list(taken_ms.values())[-TRIALS + SLOTS :]
    return sorted(ms / 1000 - trial_s / REPORTS for ms in latest)


def waits_ms(settings: Settings, trial_s: float) -> dict[str, float]:
    """Return the medians of what a slot waits for, from the times in the ledger.

    A report: from its trial to the ledger and back. The end: from the last report on. The queue:
    until the next trial is handed out. A start: until that is at work.
    """
    waits: dict[str, list[float]] = {"a report": [], "the end": [], "the queue": [], "a start": []}
    latest: dict[str, int] = {}
    ended = 0
    sleep_ms = 1e3 * trial_s / REPORTS
    for _, event in Ledger(settings.storage / "sleeping" / "ledger.jsonl").read():
        if isinstance(event, StartEvent):
            waits["the queue"].append(event.t - ended)
            latest[event.trial] = event.t
        elif isinstance(event, ReportEvent):
            waits["a report" if event.step > 1 else "a start"].append(
                event.t - latest[event.trial] - sleep_ms
            )
            latest[event.trial] = event.t
        elif isinstance(event, EndEvent):
            waits["the end"].append(event.t - latest[event.trial])
            ended = event.t
    return {name: statistics.median(values) for name, values in waits.items()}


def bare(folder: Path, trial_s: float, trials: int) -> float:
    from ray import tune

    def sleep(config: dict[str, float]) -> None:
        for step in range(1, REPORTS + 1):
            time.sleep(trial_s / REPORTS)
            tune.report(
                {"score": score(config["x"]), "loss": 1.0 / step, "reported_at": time.time()}
            )

    tuner = tune.Tuner(
        tune.with_resources(sleep, {"cpu": 1}),
        param_space={"x": tune.uniform(SPACE.low, SPACE.high)},
        tune_config=tune.TuneConfig(
            num_samples=trials, max_concurrent_trials=SLOTS, reuse_actors=True
        ),
        run_config=tune.RunConfig(name="bare", storage_path=str(folder), verbose=0),
    )
    results: Any = tuner.fit()
    if len(results) != trials or results.errors:
        raise SystemExit(f"bare Tune did not do what is measured: {results}")
    lasts = [result.metrics["reported_at"] for result in results]
    return float(min(lasts)) - trial_s * (REPORTS - 1) / REPORTS


def print_table(a: Cost, b: Cost, trial_s: float) -> None:
    bound_s = TRIALS * trial_s / SLOTS
    print(f"{TRIALS} trials of {trial_s:g} s, {REPORTS} reports each, {SLOTS} at a time")
    print(
        f"{'':14}{'makespan s':>12}{'x bound':>9}{'first report s':>16}{'rest x bound':>14}"
        f"{'CPU ms/trial':>14}{'/report':>9}"
    )
    print(f"{'bound':14}{bound_s:12.1f}{1.0:9.2f}{trial_s / REPORTS:16.1f}{1.0:14.2f}")
    for name, cost in (("xenograft", a), ("bare Ray Tune", b)):
        rest_s = cost.makespan_s - cost.first_report_s
        cpu_ms = 1e3 * cost.driver_cpu_s / TRIALS
        print(
            f"{name:14}{cost.makespan_s:12.1f}{cost.makespan_s / bound_s:9.2f}"
            f"{cost.first_report_s:16.1f}{rest_s / (bound_s - trial_s / REPORTS):14.2f}"
            f"{cpu_ms:14.1f}{cpu_ms / REPORTS:9.1f}"
        )
    cpu_ratio = a.driver_cpu_s / b.driver_cpu_s
    print(f"{'ratio':14}{a.makespan_s / b.makespan_s:12.2f}{'':39}{cpu_ratio:14.2f}")
    print(
        f"ROW | {TRIALS} trials of {trial_s:g} s, {SLOTS} at a time | {a.makespan_s:.1f} s "
        f"| bare Ray Tune: {b.makespan_s:.1f} s | {b.makespan_s / a.makespan_s:.2f} "
        f"| <= {GOAL * bound_s:.1f} s | {bound_s:.1f} s, trials over slots"
    )
    ours_ms, bare_ms = (1e3 * cost.driver_cpu_s / TRIALS / REPORTS for cost in (a, b))
    print(
        f"ROW | driver CPU per report, all of the stack | {ours_ms:.1f} ms "
        f"| bare Ray Tune: {bare_ms:.1f} ms | {bare_ms / ours_ms:.2f} | <= 10 ms | 0 ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trial-s", type=float, default=0.2, help="seconds a trial sleeps")
    trial_s = parser.parse_args().trial_s
    one = Selection(study="sleeping.study", only={"cell": ("499",)}, recipe="paper", replicates=1)
    many = Selection(
        study="sleeping.study",
        only={"cell": CELL.levels[:CELLS]},
        overrides={"trial_s": str(trial_s)},
    )
    # Ray's sockets have paths of at most 107 bytes, so the folder's name is short.
    with tempfile.TemporaryDirectory(prefix="xgo") as name:
        folder = Path(name)
        settings = resolve({"storage": folder / "ours", "max_concurrent": SLOTS}, {}, folder)
        start_s = start_ray(folder / "ray")
        import ray

        warm_b = measure(lambda: bare(folder, 1.0, trials=1))
        warm_a = measure(lambda: ours(settings.settings, one, trials=1))
        print(
            f"not counted: starting Ray {start_s:.1f} s; a first run of one trial of 1 s, "
            f"xenograft {warm_a.makespan_s:.1f} s, bare Ray Tune {warm_b.makespan_s:.1f} s"
        )
        b = measure(lambda: bare(folder, trial_s, TRIALS))
        a = measure(lambda: ours(settings.settings, many, TRIALS))
        ray.shutdown()
        starts, waits = starts_s(settings.settings, trial_s), waits_ms(settings.settings, trial_s)
    print_table(a, b, trial_s)
    told = ", ".join(f"{name} {ms:.0f} ms" for name, ms in waits.items())
    print(f"what a slot waits for, medians: {told}")
    start_s, late = statistics.median(starts), statistics.quantiles(starts, n=20)[-1]
    print(
        f"ROW | start of a trial in a worker that ran one before | {start_s:.3f} s "
        f"(95 % within {late:.3f} s) | - | - | <= 0.5 s | 0 s"
    )


if __name__ == "__main__":
    main()
