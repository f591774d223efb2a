"""Run the benchmarks at a size for two cores, and print one table: ours, peer, ratio, goal, bound.

Each script runs as a process of its own, one after the other, and says its rows last, as lines that
begin with ROW. What a script prints before goes to standard error. What needs a GPU is marked so.
Left out are the three that take hours of CPU: replay.py, domain_search.py and twin_transfer.py.

Run: python benchmarks/table.py [--only training_step extraction]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

SCRIPTS: dict[str, tuple[str, ...]] = {
    "start_up": (),
    "training_step": ("--turns", "5"),
    "compiled_step": ("--card", "deit_t", "--turns", "3"),
    "extraction": ("--turns", "5"),
    "probe_sweep": ("--every", "9"),
    "prepared_pixels": (),
    "bootstrap": (),
    "layerwise": (),
    "segmentation_cache": ("--epochs", "2", "--prompts", "p1"),
    "tracking": (),
    "big_ledger": (),
    "driver_memory": ("--trials", "1000"),
    "scale": ("--quick",),
    "overhead": ("--trial-s", "1.0"),
}
"""Script -> arguments that make it take a minute or two."""
HEADER = ("what", "ours", "peer", "ratio", "goal", "bound", "command")
MARK = "ROW | "


def rows_of(name: str, arguments: tuple[str, ...]) -> list[str]:
    """Run a script and return its rows, with the command that makes them."""
    script, began = Path(__file__).parent / f"{name}.py", time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True, check=False
    )
    rows = []
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            rows.append(f"{line.removeprefix(MARK)} | `{' '.join((f'{name}.py', *arguments))}`")
        else:
            print(line, file=sys.stderr, flush=True)
    if done.returncode or not rows:
        raise SystemExit(f"{script} ended with {done.returncode} and {len(rows)} rows")
    print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS))
    names = parser.parse_args().only
    began = time.perf_counter()
    print(f"| {' | '.join(HEADER)} |")
    print("|---" * len(HEADER) + "|", flush=True)
    for name in names:
        for row in rows_of(name, SCRIPTS[name]):
            print(f"| {row} |", flush=True)
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
