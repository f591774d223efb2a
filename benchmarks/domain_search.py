"""Optimizer steps until a search is as good as DomainBed's random search, on the twin of `dr`.

Random search trains every config to its end, as DomainBed does, with DomainBed's own draws of rate,
weight decay and dropout. Ours is the queue as a study runs it, TPE and ASHA over the same ranges,
without Ray: one trial after another. Both train a small ResNet by ERM with the same seed and
are judged by the same validation metric; ours stops when it is as good as the best record of all
random configs, or has spent the steps of all of them ("not reached").

"all" is what random search costs, as it knows its best only at its end; "until best" is when that
came by, which only hindsight knows. A row is a held-out domain, with draws and a seed of its own.
Besides the twin's (rates times 20, batches of 8), settings let so small a network learn something
in so few steps: classes are drawn equally, colours are kept, norms train.

Run: python benchmarks/domain_search.py [--configs 8] [--domains aptos eyepacs messidor]
     [--storage FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, make_plan
from orchestrator.queue import StudyQueue
from orchestrator.selection import Selection
from search_spaces.coop_lvt.grid import DOMAINS
from search_spaces.coop_lvt.recipes import OBJECTIVE, TWIN_RATE
from search_spaces.study import Budget
from trainables import generalise
from trainables.config import from_mapping, replace_path, seed_from
from trainables.context import Context, Locations
from trainables.generalisation.splits import seed_hash

EVERY, RECORDS = 10, 7
STEPS = (RECORDS - 1) * EVERY + 1
# In the middle, as in the study.
FIRST_RUNG = 4
SETTINGS = {
    "method.backbone.card": "resnet18_twin",
    "method.freeze_norms": "false",
    "steps": str(STEPS),
    "checkpoint_every": str(EVERY),
    "class_balanced": "true",
    "image_size_px": "48",
    **{f"augment.{name}": "0" for name in ("brightness", "contrast", "saturation", "hue")},
    "augment.greyscale": "0",
}

Stops = Callable[[int, float], bool]
"""Record and validation value -> whether the trial ends there."""


@dataclass(kw_only=True)
class Spending:
    """Steps a search has taken, the best value it has seen, and after how many steps."""

    ended: int = 0
    taken: int = 0
    best: float = -math.inf
    best_at: int = 0

    def hear(self, record: int, value: float) -> None:
        self.taken = self.ended + (record - 1) * EVERY + 1
        if value > self.best:
            self.best, self.best_at = value, self.taken

    def end_trial(self) -> None:
        self.ended = self.taken


def planned(domain: str, configs: int, locations: Locations) -> Plan:
    """Plan one cell of Table 1 with a search that goes on until this file stops it."""
    only = {"experiment": ("table1",), "method": ("erm_resnet50",), "test_domain": (domain,)}
    plan = make_plan(
        Selection(study="coop_lvt", twin=True, only=only, overrides=SETTINGS), locations
    )
    plan.require_runnable()
    # More trials than there are steps to take.
    budget = Budget(search_trials=configs * STEPS, grace_steps=FIRST_RUNG)
    cells = (dataclasses.replace(cell, steps=RECORDS, budget=budget) for cell in plan.cells)
    return dataclasses.replace(plan, cells=tuple(cells))


def train(config: Any, seed: int, locations: Locations, stops: Stops) -> None:
    """Run one search trial."""

    def send(step: int, metrics: Mapping[str, float]) -> None:
        if stops(step, metrics[OBJECTIVE.metric]):
            raise SystemExit

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SystemExit):
        context = Context(
            trial_id="trial",
            seed=seed,
            folder=Path(folder),
            locations=locations,
            checkpoint_every=RECORDS + 1,
            send=send,
        )
        generalise.run(config, context)


def domainbed_draw(hparams_seed: int, trial_seed: int) -> dict[str, float]:
    """Return DomainBed's config of a number: every value has a generator of its own."""
    seed = seed_hash(hparams_seed, trial_seed)

    def drawn(name: str) -> np.random.RandomState:
        return np.random.RandomState(seed_hash(seed, name))

    return {
        "optimizer.lr": TWIN_RATE * 10 ** drawn("lr").uniform(-5, -3.5),
        "optimizer.weight_decay": 10 ** drawn("weight_decay").uniform(-6, -2),
        "method.dropout": float(drawn("resnet_dropout").choice([0.0, 0.1, 0.5])),
    }


def random_search(plan: Plan, configs: int, trial_seed: int, locations: Locations) -> Spending:
    (cell,) = plan.cells
    spending = Spending()

    def stops(record: int, value: float) -> bool:
        spending.hear(record, value)
        return False

    for number in range(1, configs + 1):
        config = cell.config
        for name, value in domainbed_draw(number, trial_seed).items():
            config = replace_path(config, name, value)
        # The seed that the queue gives to the search trials of this cell.
        train(config, seed_from(cell.id, "search"), locations, stops)
        spending.end_trial()
    return spending


def our_search(plan: Plan, goal: float, limit: int, locations: Locations) -> Spending:
    spending = Spending()
    with tempfile.TemporaryDirectory() as folder:
        queue = StudyQueue(plan, Ledger(Path(folder) / "ledger.jsonl"))
        queue.open_session(plan.selection.to_json(), {})
        while spending.best < goal and spending.taken < limit:
            work = queue.next_work()
            assert work is not None  # the budget of trials outlasts the limit of steps

            def stops(record: int, value: float, trial: str = work.trial) -> bool:
                spending.hear(record, value)
                return queue.on_report(trial, record, {OBJECTIVE.metric: value}) or value >= goal

            train(from_mapping(generalise.Config, work.config), work.seed, locations, stops)
            spending.end_trial()
            if queue.record(work.trial).stop:
                queue.on_stopped(work.trial)
            else:
                queue.on_complete(work.trial, {}, None)
    return spending


def compare(domain: str, configs: int, locations: Locations) -> tuple[float, float]:
    """Print one row; return our steps over those of random search, all and until its best."""
    began = time.process_time()
    plan = planned(domain, configs, locations)
    theirs = random_search(plan, configs, DOMAINS.index(domain), locations)
    ours = our_search(plan, theirs.best, theirs.taken, locations)
    reached = ours.best >= theirs.best and ours.best_at <= theirs.taken
    steps = ours.best_at if reached else math.inf
    ratios = steps / theirs.taken, steps / theirs.best_at
    printed = f"{steps:.0f}" if reached else "not reached"
    print(
        f"{domain:14}{theirs.best:9.3f}{ours.best:9.3f}{theirs.taken:8}{theirs.best_at:12}"
        f"{printed:>13}{ratios[0]:9.2f}{ratios[1]:14.2f}{time.process_time() - began:9.0f}",
        flush=True,
    )
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", type=int, default=8, help="configs of the random search")
    parser.add_argument("--domains", nargs="+", choices=DOMAINS, default=list(DOMAINS[:3]))
    parser.add_argument("--storage", type=Path, help="keep weights and pictures here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{arguments.configs} random configs of {STEPS} steps each; optimizer steps")
    print(
        f"{'held out':14}{'random':>9}{'ours':>9}{'all':>8}{'until best':>12}{'ours':>13}"
        f"{'/ all':>9}{'/ until best':>14}{'CPU s':>9}"
    )
    with tempfile.TemporaryDirectory() as made:
        root = arguments.storage or Path(made)
        locations = Locations(data=root / "data", weights=root / "weights", store=root / "store")
        ratios = [compare(name, arguments.configs, locations) for name in arguments.domains]
    medians = [statistics.median(column) for column in zip(*ratios, strict=True)]
    print(f"{'median':65}{medians[0]:9.2f}{medians[1]:14.2f}")


if __name__ == "__main__":
    main()
