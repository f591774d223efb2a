"""CPU time of the verbs that people wait for: ``--help``, ``ls``, ``plan``.

Each is started several times as a process of its own, its output thrown away; bytecode is there, as
after an installation. The bound is a Typer program with one option that does nothing: interpreter,
Typer, Rich and Pydantic, without which no verb of ours can parse its arguments (but ``--help``,
which needs no Pydantic, can be below it).

Run: python benchmarks/start_up.py [--times 5]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile

VERBS = ("--help", "ls", "ls data", "ls backbones", "plan demo", "plan coop_lvt")
# The largest study: without its data all its cells wait, with twins all are planned.
LARGEST = ("plan why_lesion_clip", "plan why_lesion_clip --twin")
GOAL_S = 0.3
NOTHING = """
import rich.console, rich.table, typer
def nothing(name: str = ""): pass
typer.run(nothing)
"""


def cpu_s(arguments: list[str], folder: str, environment: dict[str, str]) -> float:
    """Return the user and system time of one run of Python with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def least(arguments: list[str], times: int) -> float:
    """Return the least time of several runs after a first one, which compiles."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        return min([cpu_s(arguments, folder, environment) for _ in range(times + 1)][1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    took = {verb: least(["-m", "cluster.cli", *verb.split()], times) for verb in (*VERBS, *LARGEST)}
    bound_s = least(["-c", NOTHING], times)
    print(f"CPU seconds, least of {times}")
    print(f"{'bound: Typer':32}{bound_s:8.3f}")
    for verb, seconds in took.items():
        print(f"{verb:32}{seconds:8.3f}")
    for verb in ("--help", "ls", "plan demo", *LARGEST):
        print(
            f"ROW | start of `xenograft {verb}`, CPU | {took[verb]:.2f} s | - | - | "
            f"<= {GOAL_S:.1f} s | {bound_s:.2f} s, an empty Typer program"
        )


if __name__ == "__main__":
    main()
