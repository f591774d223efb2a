"""A study whose trials sleep: what is left of the time it takes is the cost of running it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from search_spaces.space import FloatRange
from search_spaces.study import Budget, Experiment, Factor, Levels, Objective, Recipe, Study
from trainables.context import Context

REPORTS = 5
"""Reports of a trial, evenly spread over its time."""

SPACE = FloatRange(low=0.0, high=1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    trainable: ClassVar[str] = "sleeping.study"
    version: ClassVar[int] = 1

    cell: str
    trial_s: float = 1.0
    x: float = 0.5


def run(config: Config, context: Context) -> Mapping[str, float]:
    """Sleep, report, and return what a replicate would."""
    value = score(config.x)
    for step in range(1, REPORTS + 1):
        time.sleep(config.trial_s / REPORTS)
        context.report(step, {"val/score": value, "train/loss": 1.0 / step})
    return {"test/score": value} if context.final else {}


def score(x: float) -> float:
    """Return what the search maximises."""
    return 1.0 - (x - 0.3) ** 2


def _configure(levels: Levels) -> Recipe:
    return Recipe(
        config=Config(cell=levels["cell"]),
        objective=Objective(metric="val/score"),
        metric="test/score",
        space={"x": SPACE},
        steps=REPORTS,
    )


CELL = Factor(name="cell", levels=tuple(f"{i:03d}" for i in range(500)))
STUDY = Study(
    name="sleeping",
    title="Trials that sleep",
    paper="No paper",
    experiments=(
        Experiment(
            name="sleep",
            title="A grid of cells",
            factors=(CELL,),
            configure=_configure,
            # No rung before the last step: every trial sleeps its whole time.
            budget=Budget(search_trials=8, replicates=2, grace_steps=REPORTS),
        ),
    ),
)
