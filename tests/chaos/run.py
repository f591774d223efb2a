"""Disturb a study in every way we know, again and again, and print what it came to.

Example: python tests/chaos/run.py --seeds 20 --only "driver killed"
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field

from chaos_scenarios import SCENARIOS, Ordeal, Scenario, put_through

HEADERS = ("scenario", "runs", "faults", "completed", "steps lost", "duplicates", "leftovers")


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
    wrong: list[str] = field(default_factory=list)

    def add(self, ordeal: Ordeal) -> None:
        """Count one study that came to its end."""
        verdict = ordeal.verdict
        self.faults += ordeal.faults
        self.completed += not verdict.problems
        self.lost = max(self.lost, verdict.lost)
        self.duplicates += verdict.duplicates
        self.leftovers += verdict.leftovers
        self.wrong += ordeal.wrong

    def cells(self) -> list[str]:
        """Return the row's columns after its name."""
        counts = (self.runs, self.faults, self.completed, self.lost)
        counts += (self.duplicates, self.leftovers, round(self.seconds / self.runs))
        return [str(count) for count in counts]


def _measure(scenario: Scenario, seeds: range) -> Row:
    row = Row(runs=len(seeds))
    began = time.monotonic()
    for seed in seeds:
        try:
            row.add(put_through(scenario, seed))
        except AssertionError as error:
            row.wrong.append(f"seed {seed}: {error}")
    row.seconds = time.monotonic() - began
    return row


def _say(*cells: str) -> None:
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def main() -> None:
    """Measure scenarios, print the table as it grows, exit with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=SCENARIOS)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    _say(*HEADERS, "s/run")
    _say(*["---"] * (len(HEADERS) + 1))
    wrong = []
    for name in given.only or SCENARIOS:
        row = _measure(SCENARIOS[name], seeds)
        wrong += [f"{name}: {text}\n" for text in row.wrong]
        _say(name, *row.cells())
    sys.stderr.writelines(wrong)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
