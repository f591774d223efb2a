"""Disturb a study in every way we know, again and again, and print what it came to.

Example: python tests/chaos/run.py --seeds 20 --parallel 3 --only "driver killed"
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chaos_scenarios import SCENARIOS, Ordeal, put_through

HEADERS = ("scenario", "runs", "faults", "completed", "steps lost", "duplicates", "leftovers")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of a scenario with one seed.

    Args:
        ordeal: None if the study did not come to its end.
        wrong: what should hold and does not.
    """

    name: str
    seed: int
    ordeal: Ordeal | None
    wrong: tuple[str, ...]
    seconds: float


@dataclass(kw_only=True)
class Row:
    """What came of a scenario over its seeds; ``lost`` is the most of any trial, for one fault."""

    runs: int = 0
    faults: int = 0
    completed: int = 0
    lost: int = 0
    duplicates: int = 0
    leftovers: int = 0
    seconds: float = 0.0

    def add(self, run: Run) -> None:
        """Count one run."""
        self.runs += 1
        self.seconds += run.seconds
        if run.ordeal is None:
            return
        verdict = run.ordeal.verdict
        self.faults += run.ordeal.faults
        self.completed += not verdict.problems
        self.lost = max(self.lost, verdict.lost)
        self.duplicates += verdict.duplicates
        self.leftovers += verdict.leftovers

    def cells(self) -> list[str]:
        """Return the row's columns after its name."""
        counts = [self.runs, self.faults, self.completed, self.lost]
        counts += [self.duplicates, self.leftovers, round(self.seconds / self.runs)]
        return [str(count) for count in counts]


def _try(name: str, seed: int) -> Run:
    began = time.monotonic()
    try:
        ordeal = put_through(SCENARIOS[name], seed)
        wrong = ordeal.wrong
    except Exception as error:  # noqa: BLE001 (whatever it is, the other runs go on)
        ordeal, wrong = None, (f"{type(error).__name__}: {error}",)
    seconds = time.monotonic() - began
    said = "; ".join(wrong) or f"well after {ordeal.faults if ordeal else 0} faults"
    sys.stderr.write(f"{name}, seed {seed}: {said}, {seconds:.0f} s\n")
    return Run(name=name, seed=seed, ordeal=ordeal, wrong=wrong, seconds=seconds)


def _say(*cells: str) -> None:
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def main() -> None:
    """Measure scenarios, print the table as it grows, exit with 1 if anything is wrong.

    What came of each run is said as it ends, on the standard error.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=SCENARIOS)
    parser.add_argument("--parallel", type=int, default=1, help="studies at a time")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    _say(*HEADERS, "s/run")
    _say(*["---"] * (len(HEADERS) + 1))
    wrong = False
    with ThreadPoolExecutor(given.parallel) as pool:
        names = given.only or list(SCENARIOS)
        runs = {name: [pool.submit(_try, name, seed) for seed in seeds] for name in names}
        for name in names:
            row = Row()
            for run in runs[name]:
                row.add(run.result())
                wrong |= bool(run.result().wrong)
            _say(name, *row.cells())
    sys.exit(wrong)


if __name__ == "__main__":
    main()
