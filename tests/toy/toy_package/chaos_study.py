"""The study that faults are planted in: a table of two cells, and one that needs a cell of it."""

from __future__ import annotations

from search_spaces.space import FloatRange
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
from toy_package.chaos_trainable import Config

OBJECTIVE = Objective(metric="val/score")


def _tuned(levels: Levels) -> Recipe:
    return Recipe(
        config=Config(name=levels["name"]),
        objective=OBJECTIVE,
        metric="test/score",
        space={"x": FloatRange(low=0.0, high=1.0)},
        steps=Config().steps,
    )


def _after(levels: Levels) -> Recipe:
    return Recipe(
        config=Config(name="after " + levels["name"], x=0.5),
        objective=OBJECTIVE,
        metric="test/score",
        steps=Config().steps,
        needs={"before": CellRef.of("tuned", {"name": levels["name"]})},
    )


STUDY = Study(
    name="chaos",
    title="A study to be disturbed",
    paper="No paper",
    experiments=(
        Experiment(
            name="tuned",
            title="Two cells that search",
            factors=(Factor(name="name", levels=("a", "b")),),
            configure=_tuned,
            budget=Budget(search_trials=4, replicates=2, grace_steps=3, reduction=2),
        ),
        Experiment(
            name="after",
            title="Needs the other table",
            factors=(Factor(name="name", levels=("a",)),),
            configure=_after,
            budget=Budget(search_trials=4, replicates=2),
        ),
    ),
)
