"""Memory of the driver over a whole run: Ray, Tune, queue, Optuna, ASHA, ledger and tracking.

A study of cells of 18 search trials and 2 replicates runs on one local Ray cluster, two trials at a
time, which report five times and do nothing else. Every event goes to the ledger and from there to
an MLflow store (sqlite). Resident memory is read at every tenth of the trials; imports, the first
MLflow runs and caches are behind by the first tenth of a run that is long enough. The bound is
what the queue has to know of each trial: what one that reads the ledger holds of these trials.

Run: python benchmarks/driver_memory.py [--trials 10000]
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path

from overhead import SLOTS, start_ray
from rich.console import Console
from sleeping.study import CELL

from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, make_plan
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.selection import Selection
from orchestrator.settings import resolve

SEARCH, REPLICATES = 18, 2
PARTS = 10
LONGEST_S = 3600.0


class Watch(threading.Thread):
    """Read the resident memory of this process, in MB, at every tenth of the ends in a ledger."""

    def __init__(self, ledger: Path, trials: int) -> None:
        super().__init__(daemon=True)
        self.resident_mb: list[float] = []
        self._ledger, self._trials = ledger, trials
        self._began = time.monotonic()

    def run(self) -> None:
        ended = read = 0
        while len(self.resident_mb) < PARTS and time.monotonic() - self._began < LONGEST_S:
            time.sleep(0.1)
            if not self._ledger.exists():
                continue
            with self._ledger.open("rb") as file:
                file.seek(read)
                new = file.read()
            ended += new.count(b'{"event":"end"')
            read += len(new)
            while ended >= (len(self.resident_mb) + 1) * self._trials / PARTS:
                self.resident_mb.append(resident_mb())
                took_s = time.monotonic() - self._began
                print(
                    f"{ended} trials in {took_s:.0f} s: {self.resident_mb[-1]:.0f} MB", flush=True
                )


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def known_mb(plan: Plan, ledger: Path) -> float:
    """Return what a queue holds of nine tenths of the trials in a ledger."""
    tracemalloc.start()
    queue = StudyQueue(plan, Ledger(ledger), look_only=True)
    queue.conclude_all()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 1e6 * (PARTS - 1) / PARTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    if trials % (SEARCH + REPLICATES) or trials % PARTS:
        raise SystemExit(f"--trials must be a multiple of {SEARCH + REPLICATES}")
    from orchestrator.runner import run_plan

    with tempfile.TemporaryDirectory(prefix="xgm") as name:
        folder = Path(name)
        settings = resolve({"storage": folder, "max_concurrent": SLOTS}, {}, folder).settings
        start_ray(folder / "ray")
        selection = Selection(
            study="sleeping.study",
            only={"cell": CELL.levels[: trials // (SEARCH + REPLICATES)]},
            search_trials=SEARCH,
            replicates=REPLICATES,
            overrides={"trial_s": "0"},
        )
        plan = make_plan(selection, settings.locations)
        ledger = folder / "sleeping" / "ledger.jsonl"
        watch = Watch(ledger, trials)
        watch.start()
        outcome = run_plan(plan, settings, Console(file=io.StringIO()))
        watch.join(60)
        if (outcome.ran, outcome.undelivered, len(watch.resident_mb)) != (trials, 0, PARTS):
            raise SystemExit(f"the run did not do what is measured: {outcome}")
        known = known_mb(plan, ledger)
    first, last = watch.resident_mb[0], watch.resident_mb[-1]
    per_trial = 1e3 * (last - first) / (trials - trials // PARTS)
    print(
        f"ROW | driver memory from trial {trials // PARTS} to {trials} | {first:.0f} to {last:.0f} "
        f"MB ({per_trial:.1f} kB a trial) | - | {last / first:.2f} | <= 1.1 | "
        f"{known:.0f} MB more, what the queue knows"
    )


if __name__ == "__main__":
    main()
