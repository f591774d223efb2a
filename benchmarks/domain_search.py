"""Optimizer steps until a search is as good as DomainBed's random search, on generated fundus.

A trial is a linear layer on frozen features of the twin of ResNet50, trained on three cameras by
the protocol of `generalise` and validated by macro F1 on their out parts. Three things keep this
value from being luck: grades are drawn equally often, half of the pictures are held out, 200 of
each camera, and features are standardised, so that training does not bounce. Trials of a cell share
weights and batches, so they differ by their config only, and 600 of them train at once: a table for
each held-out camera and seed. Some configs are trained by the product's own loop as well, and have
to come to the same values.

A search looks up its trials in a table: it is told the curve of the config that is nearest. Each
search parts the table by lot. In one half DomainBed's random search trains 20 configs to their
ends, drawn as DomainBed draws them. Its best value is the goal; its steps are the budget of
everything else, which looks up the other half, so that nobody finds the very config that set the
goal. Ours is the queue as a study runs it, without Ray, one trial after another: TPE and ASHA over
the same ranges, the config's own values first. Beside it stand its parts, and as control
DomainBed's next 20 configs: of two equal searches each is ahead of the other half of the time.

Numbers are steps over those of random search, "-" where the goal was not reached. Intervals hold
95 % of 10,000 bootstraps of the tables and of the searches of each.

Run: python benchmarks/domain_search.py [--searches 15] [--configs 20] [--storage FOLDER]
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from frozen.erm import Sources, open_sources, train
from replays.files import read_table, write_table
from replays.heads import train_heads
from replays.searches import ASHA, NO_DEFAULTS, OURS, TPE, Queued, Trace, replay
from replays.statistics import interval, median
from replays.tables import Floats, Table, drawn

from orchestrator.plan import make_plan
from orchestrator.selection import Selection
from search_spaces.coop_lvt.recipes import TWIN_RATE
from search_spaces.space import Choice, Space
from trainables import generalise
from trainables.config import DataRef, flatten, replace_path, seed_from
from trainables.context import Locations
from trainables.data.cards import get_data_card
from trainables.generalisation.splits import seed_hash

DATA = "fundus"
CAMERAS = get_data_card(DATA).domains
EVERY, RECORDS = 50, 7
# In the middle, where the study has it.
FIRST_RUNG = 4
SETTINGS = {
    "steps": str((RECORDS - 1) * EVERY + 1),
    "checkpoint_every": str(EVERY),
    "batch_size": "32",
    "holdout_fraction": "0.5",
    "image_size_px": "96",
}
RATE, DECAY, DROPOUT = "optimizer.lr", "optimizer.weight_decay", "method.dropout"
TRAINED = 600
CHECKED = 3
SEEDS = (0, 1)
ARMS = (OURS, NO_DEFAULTS, TPE, ASHA)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """ERM with a camera held out, and many of its configs trained with one seed."""

    name: str
    config: generalise.Config
    table: Table


def open_cell(camera: str, seed: int, locations: Locations) -> Cell:
    """Plan the cell of ERM with ResNet50 on twins, for another data set, and train its table.

    A table that the store has is read.

    Raises:
        AssertionError: the product's own loop comes to other values.
    """
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
    name = f"{camera}, seed {seed}"
    path = locations.store / "replays" / f"{camera}-{seed}.parquet"
    if not path.exists():
        sources = open_sources(config, locations)
        table = fill_table(config, cell.space, seed_from(name), sources)
        check(table, config, seed_from(name), sources)
        write_table(table, path, {"script": "domain_search.py", "cell": name})
    return Cell(name=name, config=config, table=read_table(path, cell.space))


def fill_table(config: generalise.Config, space: Space, seed: int, sources: Sources) -> Table:
    """Train configs drawn from the space, equally many with each dropout."""
    dropout = space[DROPOUT]
    assert isinstance(dropout, Choice)
    params = drawn(space, TRAINED, seed)
    params[DROPOUT] = np.repeat(dropout.values, TRAINED // len(dropout.values))
    curves = []
    for value in dropout.values:
        rows = params[DROPOUT] == value
        chosen = replace_path(config, DROPOUT, value)
        curves.append(train_heads(chosen, params[RATE][rows], params[DECAY][rows], seed, sources))
    return Table(
        space=space,
        params=params,
        cost_r=np.arange(RECORDS) * EVERY + 1.0,
        val_br=np.concatenate([part.val_br for part in curves]),
        test_br=np.concatenate([part.test_br for part in curves]),
    )


def check(table: Table, config: generalise.Config, seed: int, sources: Sources) -> None:
    """Train some configs of a table by the product's own loop."""
    for row in range(0, TRAINED, TRAINED // CHECKED):
        for name, values in table.params.items():
            config = replace_path(config, name, values[row].item())
        heard: list[float] = []
        train(config, seed, sources, lambda _, value, heard=heard: bool(heard.append(value)))
        assert np.allclose(heard, table.val_br[row], atol=5e-3), (heard, table.val_br[row])


def domainbed_draw(hparams_seed: int, trial_seed: int) -> dict[str, Any]:
    """Return DomainBed's config of a number: every value has a generator of its own."""
    seed = seed_hash(hparams_seed, trial_seed)

    def draws(name: str) -> np.random.RandomState:
        return np.random.RandomState(seed_hash(seed, name))

    return {
        RATE: TWIN_RATE * 10 ** draws("lr").uniform(-5, -3.5),
        DECAY: 10 ** draws("weight_decay").uniform(-6, -2),
        DROPOUT: float(draws("resnet_dropout").choice([0.0, 0.1, 0.5])),
    }


def random_search(table: Table, numbers: Iterable[int], trial_seed: int) -> Trace:
    """Train DomainBed's configs of some numbers to their ends."""
    rows = [table.nearest(domainbed_draw(number, trial_seed)) for number in numbers]
    before_n = np.arange(len(rows)) * table.cost_r[-1]
    return Trace(
        spent_m=(before_n[:, None] + table.cost_r).ravel(),
        val_m=table.val_br[rows].ravel(),
        test_m=table.test_br[rows].ravel(),
    )


def compare(cell: Cell, number: int, configs: int) -> list[float]:
    """Return what the control and each arm spend until the goal, over all that random search did.

    Infinite where the goal was not reached.
    """
    order = np.random.default_rng(number).permutation(TRAINED)
    # Number 0 is no draw: DomainBed's defaults.
    theirs = random_search(cell.table.part(order[::2]), range(1, configs + 1), number)
    others = cell.table.part(order[1::2])
    goal, budget = theirs.val_m.max(), theirs.spent_m[-1]
    traces = [random_search(others, range(configs + 1, 2 * configs + 1), number)]
    for arm in ARMS:
        search = Queued(
            arm, others, flatten(cell.config), FIRST_RUNG, f"{cell.name}, search {number}"
        )
        traces.append(replay(search, others, budget))
    return [trace.spent_until(goal) / budget for trace in traces]


def summarise(spent_tsa: Floats) -> None:
    """Print how often each search reached the goal and its median, with their intervals.

    Args:
        spent_tsa: tables, searches, arms.
    """
    arms = range(spent_tsa.shape[-1])
    reached = [interval(np.isfinite(spent_tsa[..., a]), np.mean) for a in arms]
    medians = [interval(spent_tsa[..., a], median) for a in arms]
    rows = spent_tsa.reshape(-1, len(arms))
    lines = {
        "reached": np.isfinite(rows).mean(axis=0),
        "  at least": [low for low, _ in reached],
        "  at most": [high for _, high in reached],
        "median": [median(rows[:, a]) for a in arms],
        "  at least ": [low for low, _ in medians],
        "  at most ": [high for _, high in medians],
        "before control": (rows < rows[:, :1]).mean(axis=0),
        "after control": (rows > rows[:, :1]).mean(axis=0),
    }
    print(f"all {len(rows)} searches")
    for title, values in lines.items():
        print(f"{title:20}{''.join(_shown(value) for value in values)}")


def _shown(value: float) -> str:
    return f"{value:13.2f}" if np.isfinite(value) else f"{'-':>13}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=15, help="of each table")
    parser.add_argument("--configs", type=int, default=20, help="configs of the random search")
    parser.add_argument("--storage", type=Path, help="keep weights, pictures and features here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    titles = "".join(f"{title:>13}" for title in ("control", *(arm.title for arm in ARMS)))
    print(f"{'median of ' + str(arguments.searches):20}{titles}{'CPU s':>9}")
    spent = []
    with tempfile.TemporaryDirectory() as made:
        root = arguments.storage or Path(made)
        locations = Locations(data=root / "data", weights=root / "weights", store=root / "store")
        for camera, seed in itertools.product(CAMERAS, SEEDS):
            began = time.process_time()
            cell = open_cell(camera, seed, locations)
            # No two tables are parted alike, nor does DomainBed draw alike for them.
            first = len(spent) * arguments.searches
            numbers = range(first, first + arguments.searches)
            spent.append([compare(cell, number, arguments.configs) for number in numbers])
            shown = "".join(_shown(median(column)) for column in np.array(spent[-1]).T)
            print(f"{cell.name:20}{shown}{time.process_time() - began:9.0f}", flush=True)
    summarise(np.array(spent))


if __name__ == "__main__":
    main()
