"""Searches replayed over recorded learning curves: how good is the best so far, at what budget.

Two tables. One is of 192 small convolutional networks on the lesion twin, 27 epochs each, with
their rate, momentum and weight decay drawn. The other is that of domain_search.py for one held-out
camera and seed, linear layers on frozen features. Both are trained here, in minutes, unless the
storage has them. A search is told the curve of the config of the table that is nearest to its
suggestion.

Searches run one trial after another: at random; ASHA over random configs; Optuna's TPE; Ray Tune's
own OptunaSearch with ASHA; ours, which is the queue as a study runs it, with and without the
config's own values first. ASHA's first rung and its reduction are the same for all. The chosen
config is the one with the best validation value so far, stopped or not, at that record.

A line of the printed table is a search: budget until 99 % of the table's best validation value,
median and reached by how many; validation value of the best so far, mean over the budget, and that
minus Ray's; test value of the chosen one at the end. Budgets are in trainings of one config to its
end. Intervals hold 95 % of 10,000 bootstraps of the seeds and say nothing of other tables.

Run: python benchmarks/replay.py [--seeds 40] [--budget 20] [--storage FOLDER] [--figure FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import domain_search
import numpy as np
import torch
from replays import convnets
from replays.drawing import draw
from replays.files import read_table, write_table
from replays.searches import ASHA, NO_DEFAULTS, OURS, RANDOM, TPE, Queued, RaysOwn, Search, replay
from replays.statistics import interval, median
from replays.tables import Floats, Table

from search_spaces.study import Budget
from trainables.config import flatten
from trainables.context import Locations

NETWORKS = 192
CAMERA, SEED = domain_search.CAMERAS[0], domain_search.SEEDS[0]
RAYS = "Ray's OptunaSearch + ASHA"
GOAL = 0.99
POINTS = 39


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """A table, and what a study knows of its cell."""

    title: str
    metric: str
    table: Table
    defaults: Mapping[str, Any]
    first_rung: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """All runs of one search over one table.

    Args:
        until_s: budget until the goal, infinite where it was not reached.
        val_sx: best value so far of every seed at every budget.
        test_sx: test value of the config that had it.
    """

    until_s: Floats
    val_sx: Floats
    test_sx: Floats


def open_tasks(locations: Locations) -> list[Task]:
    """Train the tables, or read those that the store has."""
    path = locations.store / "replays" / f"{convnets.DATA}.parquet"
    if not path.exists():
        networks = convnets.record_table(NETWORKS, locations)
        write_table(networks, path, convnets.PROVENANCE)
    cell = domain_search.open_cell(CAMERA, SEED, locations)
    return [
        Task(
            title="small networks, lesion twin",
            metric="AUC",
            table=read_table(path, convnets.SPACE),
            defaults=flatten(convnets.Config()),
            first_rung=Budget().grace_steps,
        ),
        Task(
            title=f"linear layers, fundus without {CAMERA}",
            metric="macro F1",
            table=cell.table,
            defaults=flatten(cell.config),
            first_rung=domain_search.FIRST_RUNG,
        ),
    ]


def searches(task: Task) -> dict[str, Callable[[str], Search]]:
    """Return what is compared: title -> seed -> a search that has not begun."""

    def queued(arm: Any) -> Callable[[str], Search]:
        return lambda name: Queued(arm, task.table, task.defaults, task.first_rung, name)

    return {
        "random": queued(RANDOM),
        "ASHA, random configs": queued(ASHA),
        "TPE, no ASHA": queued(TPE),
        RAYS: lambda name: RaysOwn(task.table, task.first_rung, name),
        "ours, no values first": queued(NO_DEFAULTS),
        "ours": queued(OURS),
    }


def run(task: Task, begin: Callable[[str], Search], seeds: int, budget_x: Floats) -> Outcome:
    """Replay a search with every seed; budgets are in whole trainings."""
    table, whole = task.table, task.table.cost_r[-1]
    goal = GOAL * table.val_br.max()
    until_s, val_sx, test_sx = [], [], []
    for seed in range(seeds):
        trace = replay(begin(f"replay-{seed}"), table, budget_x[-1] * whole)
        last_x = np.searchsorted(trace.spent_m, budget_x * whole, side="right") - 1
        best_m = np.maximum.accumulate(trace.val_m)
        # Where the best so far was seen: the first of equals.
        seen_m = np.searchsorted(best_m, best_m)
        until_s.append(trace.spent_until(goal) / whole)
        val_sx.append(best_m[last_x])
        test_sx.append(trace.test_m[seen_m[last_x]])
    return Outcome(until_s=np.array(until_s), val_sx=np.array(val_sx), test_sx=np.array(test_sx))


def report(task: Task, outcomes: Mapping[str, Outcome]) -> None:
    """Print a task's table, in Markdown."""
    best_b = task.table.val_br.max(axis=1)
    share = np.mean(best_b >= GOAL * best_b.max())
    print(f"\n{task.title}: best {task.metric} {best_b.max():.3f}; ", end="")
    print(f"{share:.1%} of {len(best_b)} configs come to {GOAL:.0%} of it\n")
    print(f"| search | until {GOAL:.0%} | reached | mean best so far | minus Ray's | test |")
    print("|---|---|---|---|---|---|")
    rays = outcomes[RAYS].val_sx.mean(axis=1)
    for title, outcome in outcomes.items():
        mean_s = outcome.val_sx.mean(axis=1)
        cells = [
            _with_interval(outcome.until_s, median, 1),
            f"{np.isfinite(outcome.until_s).mean():.0%}",
            _with_interval(mean_s, np.mean, 4),
            "" if title == RAYS else _with_interval(mean_s - rays, np.mean, 4),
            _with_interval(outcome.test_sx[:, -1], np.mean, 4),
        ]
        print(f"| {title} | {' | '.join(cells)} |", flush=True)


def _with_interval(values_s: Floats, statistic: Callable[..., Any], digits: int) -> str:
    low, high = interval(values_s[None], statistic)
    low_shown, high_shown = (
        f"{bound:.{digits}f}" if np.isfinite(bound) else "-" for bound in (low, high)
    )
    value = statistic(values_s, axis=0)
    shown = f"{value:.{digits}f}" if np.isfinite(value) else "-"
    return f"{shown} ({low_shown} to {high_shown})"


def compare(arguments: argparse.Namespace, locations: Locations) -> None:
    """Replay every search over every table, print what came out and draw it."""
    budget_x = np.linspace(1, arguments.budget, POINTS)
    panels = {}
    for task in open_tasks(locations):
        outcomes = {
            title: run(task, begin, arguments.seeds, budget_x)
            for title, begin in searches(task).items()
        }
        report(task, outcomes)
        for part in ("val", "test"):
            label = f"{'validation' if part == 'val' else 'test'} {task.metric}"
            panels[task.title, label] = {
                title: getattr(outcome, f"{part}_sx") for title, outcome in outcomes.items()
            }
    if arguments.figure:
        draw(panels, budget_x, arguments.figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40, help="of every search")
    parser.add_argument("--budget", type=int, default=20, help="whole trainings")
    parser.add_argument("--storage", type=Path, help="keep weights, pictures and features here")
    parser.add_argument("--figure", type=Path, help="write an SVG file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as made:
        root = arguments.storage or Path(made)
        locations = Locations(data=root / "data", weights=root / "weights", store=root / "store")
        compare(arguments, locations)
    print(f"\n{time.process_time() - began:.0f} CPU s")


if __name__ == "__main__":
    main()
