"""A study with a grid of its own and a smaller version of itself for twins."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.space import Choice
from search_spaces.study import (
    Budget,
    Experiment,
    Factor,
    Levels,
    Objective,
    Recipe,
    Scale,
    Study,
)
from toy_package.toy_trainable import Config

GRID = (0.1, 0.2, 0.3, 0.4, 0.5)
STEPS = {"twin": 3, "smoke": 2}


def _grid(levels: Levels) -> Recipe:
    return Recipe(
        config=Config(name=levels["name"]),
        objective=Objective(metric="val/score"),
        metric="test/score",
        space={"x": Choice(values=GRID)},
        grid=True,
        steps=5,
    )


def _scaled(recipe: Recipe, scale: Scale) -> Recipe | None:
    if recipe.config.name == "large":
        return None
    steps = STEPS[scale]
    return replace(recipe, config=replace(recipe.config, steps=steps), steps=steps)


STUDY = Study(
    name="toy_grid",
    title="A study with a grid",
    paper="No paper",
    experiments=(
        Experiment(
            name="grid",
            title="Every point tried",
            factors=(Factor(name="name", levels=("small", "large")),),
            configure=_grid,
            # Would stop half of the trials after one step if a grid were a search.
            budget=Budget(search_trials=2, replicates=2, grace_steps=1, reduction=2),
        ),
    ),
    scaled=_scaled,
)
