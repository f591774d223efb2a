"""A study over the toy trainable: two tables, one of which needs the other, and shared cells."""

from __future__ import annotations

import os

from search_spaces.space import FloatRange
from search_spaces.study import (
    Budget,
    CellRef,
    Experiment,
    Factor,
    Levels,
    Objective,
    Published,
    Recipe,
    Study,
)
from toy_package.toy_trainable import Config

OBJECTIVE = Objective(metric="val/score")
SPACE = {"x": FloatRange(low=0.0, high=1.0)}


def _main(levels: Levels) -> Recipe:
    config = Config(
        name=levels["name"],
        fail=os.environ.get("TOY_FAIL", "") if levels["name"] == "b" else "",
        sleep_s=float(os.environ.get("TOY_SLEEP", "0")),
    )
    metric = "test/score" if levels["shown"] == "score" else "test/other"
    return Recipe(config=config, objective=OBJECTIVE, metric=metric, space=SPACE, steps=5)


def _after(levels: Levels) -> Recipe:
    return Recipe(
        config=Config(name="after " + levels["name"], x=0.5),
        objective=OBJECTIVE,
        metric="test/score",
        steps=5,
        needs={"before": CellRef.of("main", {"name": levels["name"], "shown": "score"})},
    )


NAMES = Factor(name="name", levels=("a", "b"))
STUDY = Study(
    name="toy",
    title="A study for tests",
    paper="No paper",
    experiments=(
        Experiment(
            name="main",
            title="Main table",
            factors=(NAMES, Factor(name="shown", levels=("score", "other"))),
            configure=_main,
            published={("a", "score"): Published(value=0.9, source="Table 1")},
            budget=Budget(search_trials=6, replicates=2, reduction=2),
            columns=("shown",),
        ),
        Experiment(
            name="after",
            title="Needs the main table",
            factors=(NAMES,),
            configure=_after,
            budget=Budget(search_trials=6, replicates=3),
        ),
    ),
)
