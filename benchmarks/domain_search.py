"""Optimizer steps until a search is as good as DomainBed's random search, on generated fundus.

Random search trains 20 configs to their ends, as DomainBed does, with DomainBed's own draws of
rate, weight decay and dropout. Its best validation value is the goal; its steps are the budget of
everything else. Ours is the queue as a study runs it, without Ray, one trial after another: TPE and
ASHA over the same ranges, the config's own values first. Beside it stand its parts, and as control
DomainBed's next 20 configs: of two equal searches each is ahead of the other half of the time.

A trial is a linear layer on frozen features of the twin of ResNet50, trained on three cameras by
the protocol of `generalise` and validated by macro F1 on their out parts. Three things keep this
value from being luck: grades are drawn equally often, half of the pictures are held out, 200 of
each camera, and features are standardised, so that training does not bounce. All trials of a row
share weights and batches, so they differ by their config only.

A row is a held-out camera and a repetition, which has seeds of its own. Numbers are steps over
those of random search, "-" where the goal was not reached. The interval of the median is that of
order statistics and does not know that rows share pictures.

Run: python benchmarks/domain_search.py [--configs 20] [--repetitions 3] [--storage FOLDER]
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from frozen.erm import Sources, Stops, open_sources, train

from orchestrator.ledger import Ledger
from orchestrator.plan import Plan, PlannedCell, make_plan
from orchestrator.queue import StudyQueue
from orchestrator.selection import SamplerName, Selection
from search_spaces.coop_lvt.recipes import OBJECTIVE, TWIN_RATE
from trainables import generalise
from trainables.config import DataRef, from_mapping, replace_path, seed_from
from trainables.context import Locations
from trainables.data.cards import get_data_card
from trainables.generalisation.splits import seed_hash

DATA = "fundus"
CAMERAS = get_data_card(DATA).domains
EVERY, RECORDS = 50, 7
# In the middle, where the study has it.
FIRST_RUNG = 4
STEPS = (RECORDS - 1) * EVERY + 1
SETTINGS = {
    "steps": str(STEPS),
    "checkpoint_every": str(EVERY),
    "batch_size": "32",
    "holdout_fraction": "0.5",
    "image_size_px": "96",
}


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A search to compare.

    Args:
        stops_early: ASHA ends trials.
        defaults_first: the config's own values are the first suggestion.
    """

    title: str
    sampler: SamplerName
    stops_early: bool
    defaults_first: bool


ARMS = (
    Arm(title="ours", sampler="tpe", stops_early=True, defaults_first=True),
    Arm(title="no defaults", sampler="tpe", stops_early=True, defaults_first=False),
    Arm(title="TPE alone", sampler="tpe", stops_early=False, defaults_first=False),
    Arm(title="ASHA alone", sampler="random", stops_early=True, defaults_first=False),
)


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


@dataclass(frozen=True, kw_only=True)
class Row:
    """What all searches of a row have in common.

    Args:
        plan: of one cell, whose id gives the seeds.
        number: DomainBed's trial seed, which gives the draws.
    """

    plan: Plan
    sources: Sources
    number: int

    @property
    def cell(self) -> PlannedCell:
        return self.plan.cells[0]

    def planned_for(self, arm: Arm, trials: int) -> Plan:
        """Return the plan of an arm that may hand out so many trials."""
        budget = dataclasses.replace(
            self.cell.budget,
            search_trials=trials,
            grace_steps=FIRST_RUNG if arm.stops_early else RECORDS,
        )
        config = self.cell.config
        if not arm.defaults_first:
            # Values outside of the space, which every suggestion replaces.
            config = replace_path(config, "optimizer.lr", 1.0)
            config = replace_path(config, "method.dropout", 0.9)
        cell = dataclasses.replace(self.cell, budget=budget, config=config)
        selection = dataclasses.replace(self.plan.selection, sampler=arm.sampler)
        return dataclasses.replace(self.plan, cells=(cell,), selection=selection)


def open_row(camera: str, repetition: int, locations: Locations) -> Row:
    """Plan the cell of ERM with ResNet50 on twins, for another data set, and open its features."""
    only = {"experiment": ("table1",), "method": ("erm_resnet50",), "test_domain": ("aptos",)}
    plan = make_plan(
        Selection(study="coop_lvt", twin=True, only=only, overrides=SETTINGS), locations
    )
    plan.require_runnable()
    (cell,) = plan.cells
    config = dataclasses.replace(
        cell.config,
        data=DataRef(name=DATA),
        source_domains=tuple(name for name in CAMERAS if name != camera),
        test_domains=(camera,),
    )
    number = repetition * len(CAMERAS) + CAMERAS.index(camera)
    cell = dataclasses.replace(cell, id=f"{cell.id}-{number}", config=config, steps=RECORDS)
    return Row(
        plan=dataclasses.replace(plan, cells=(cell,)),
        sources=open_sources(config, locations),
        number=number,
    )


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


def random_search(row: Row, numbers: Iterable[int], goal: float = math.inf) -> Spending:
    """Train DomainBed's configs of some numbers until the goal is reached."""
    spending = Spending()

    def stops(record: int, value: float) -> bool:
        spending.hear(record, value)
        return value >= goal

    for number in numbers:
        config = row.cell.config
        for name, value in domainbed_draw(number, row.number).items():
            config = replace_path(config, name, value)
        # The seed that the queue gives to the search trials of this cell.
        train(config, seed_from(row.cell.id, "search"), row.sources, stops)
        spending.end_trial()
        if spending.best >= goal:
            break
    return spending


def our_search(row: Row, arm: Arm, goal: float, limit: int) -> Spending:
    """Run the queue until the goal is reached or the steps are spent."""
    spending = Spending()
    with tempfile.TemporaryDirectory() as folder:
        # More trials than there are steps to take.
        plan = row.planned_for(arm, trials=limit)
        queue = StudyQueue(plan, Ledger(Path(folder) / "ledger.jsonl"))
        queue.open_session(plan.selection.to_json(), {})
        while spending.best < goal and spending.taken < limit:
            work = queue.next_work()
            assert work is not None
            config = from_mapping(generalise.Config, work.config)
            train(config, work.seed, row.sources, _told(queue, work.trial, spending, goal))
            spending.end_trial()
            if queue.record(work.trial).stop:
                queue.on_stopped(work.trial)
            else:
                queue.on_complete(work.trial, {}, None)
    return spending


def _told(queue: StudyQueue, trial: str, spending: Spending, goal: float) -> Stops:
    def stops(record: int, value: float) -> bool:
        spending.hear(record, value)
        return queue.on_report(trial, record, {OBJECTIVE.metric: value}) or value >= goal

    return stops


def compare(row: Row, configs: int) -> list[float]:
    """Return the goal's value, random search's own steps until it, the control's, each arm's.

    All but the first over the steps of random search; infinite where the goal was not reached.
    """
    # Number 0 is no draw: DomainBed's defaults.
    theirs = random_search(row, range(1, configs + 1))
    control = random_search(row, range(configs + 1, 2 * configs + 1), theirs.best)
    searches = [control, *(our_search(row, arm, theirs.best, theirs.taken) for arm in ARMS)]
    ratios = [_ratio(search, theirs) for search in searches]
    return [theirs.best, theirs.best_at / theirs.taken, *ratios]


def _ratio(search: Spending, theirs: Spending) -> float:
    reached = search.best >= theirs.best and search.best_at <= theirs.taken
    return search.best_at / theirs.taken if reached else math.inf


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the shortest interval of order statistics that holds the median in 95 % of samples."""
    n, ordered = len(values), sorted(values)
    below, outside = 0, 0.0
    while 2 * (outside + math.comb(n, below) / 2**n) <= 0.05:
        outside += math.comb(n, below) / 2**n
        below += 1
    if not below:
        return -math.inf, math.inf
    return ordered[below - 1], ordered[n - below]


def _shown(value: float) -> str:
    return f"{value:13.2f}" if math.isfinite(value) else f"{'-':>13}"


def summarise(rows: Sequence[Sequence[float]]) -> None:
    """Print how often each search reached the goal, and the median with its interval."""
    columns = list(zip(*(row[2:] for row in rows), strict=True))
    reached = [sum(map(math.isfinite, column)) for column in columns]
    intervals = [median_interval(column) for column in columns]
    lines = {
        "reached": [f"{count:10} of {len(rows)}"[-13:] for count in reached],
        "median": [_shown(statistics.median(column)) for column in columns],
        "at least": [_shown(low) for low, _ in intervals],
        "at most": [_shown(high) for _, high in intervals],
    }
    for title, shown in lines.items():
        print(f"{title:13}{'':22}{''.join(shown)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", type=int, default=20, help="configs of the random search")
    parser.add_argument("--repetitions", type=int, default=3, help="of each held-out camera")
    parser.add_argument("--storage", type=Path, help="keep weights, pictures and features here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    titles = "".join(f"{title:>13}" for title in ("control", *(arm.title for arm in ARMS)))
    print(f"{arguments.configs} random configs of {STEPS} steps each; steps over all of theirs")
    print(f"{'held out':13}{'goal':>9}{'theirs':>13}{titles}{'CPU s':>9}")
    rows = []
    with tempfile.TemporaryDirectory() as made:
        root = arguments.storage or Path(made)
        locations = Locations(data=root / "data", weights=root / "weights", store=root / "store")
        for repetition in range(arguments.repetitions):
            for camera in CAMERAS:
                began = time.process_time()
                rows.append(compare(open_row(camera, repetition, locations), arguments.configs))
                goal, *ratios = rows[-1]
                shown = "".join(map(_shown, ratios))
                cpu_s = time.process_time() - began
                print(f"{camera:13}{goal:9.3f}{shown}{cpu_s:9.0f}", flush=True)
    summarise(rows)


if __name__ == "__main__":
    main()
