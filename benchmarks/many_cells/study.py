"""A study of up to 10,000 cells for the scheduler: nothing of it is run, its trials are simulated.

It comes in parts of 100 cells. In each, 20 cells train once and are long; 80 search and repeat what
they choose, and a quarter of those needs one of the 20 first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from search_spaces.space import FloatRange, IntRange
from search_spaces.study import (
    Budget,
    CellRef,
    Experiment,
    Factor,
    Levels,
    Objective,
    Recipe,
    Study,
)

STEPS = 9
"""Reports of a trial that is not stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    trainable: ClassVar[str] = "many_cells.study"
    version: ClassVar[int] = 1

    cell: str
    lr: float = 1e-3
    layers: int = 2


def score(config: Mapping[str, Any], step: int) -> float:
    """Return what a trial reports at a step: best for a rate of 3e-4 and three layers."""
    distance = abs(math.log10(config["lr"] / 3e-4)) + 0.2 * abs(config["layers"] - 3)
    return float(1.0 / (1.0 + distance) * (1.0 - math.exp(-step / 3)))


def _pretrain(levels: Levels) -> Recipe | None:
    if int(levels["cell"]) >= 20:
        return None
    return Recipe(
        config=_config("pretrain", levels), objective=_OBJECTIVE, metric=_METRIC, steps=STEPS
    )


def _tune(levels: Levels) -> Recipe | None:
    number = int(levels["cell"])
    if number < 20:
        return None
    source = {"part": levels["part"], "cell": f"{number // 4 - 5:02d}"}
    return Recipe(
        config=_config("tune", levels),
        objective=_OBJECTIVE,
        metric=_METRIC,
        space={"lr": FloatRange(low=1e-5, high=1e-1, log=True), "layers": IntRange(low=1, high=4)},
        steps=STEPS,
        needs={} if number % 4 else {"source": CellRef.of("pretrain", source)},
    )


def _config(experiment: str, levels: Levels) -> Config:
    return Config(cell=f"{experiment} {levels['part']} {levels['cell']}")


_OBJECTIVE = Objective(metric="val/score")
_METRIC = "test/score"
_HUNDRED = tuple(f"{i:02d}" for i in range(100))
PART = Factor(name="part", levels=_HUNDRED)
_CELL = Factor(name="cell", levels=_HUNDRED)
STUDY = Study(
    name="many-cells",
    title="Many cells",
    paper="No paper",
    experiments=(
        Experiment(
            name="pretrain",
            title="What others need",
            factors=(PART, _CELL),
            configure=_pretrain,
            budget=Budget(replicates=1),
        ),
        Experiment(
            name="tune",
            title="Searched and repeated",
            factors=(PART, _CELL),
            configure=_tune,
            budget=Budget(search_trials=8, replicates=3, grace_steps=1, reduction=3),
        ),
    ),
)
