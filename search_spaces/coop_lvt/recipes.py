"""What one cell of each table runs."""

from __future__ import annotations

import math
from dataclasses import replace

from search_spaces.coop_lvt import methods
from search_spaces.coop_lvt.grid import DOMAINS
from search_spaces.space import Choice, FloatRange, IntRange, Space
from search_spaces.study import Levels, Objective, Recipe, Scale
from trainables import generalise
from trainables.config import DataRef

OBJECTIVE = Objective(metric="val/macro_f1_fixed")
METRIC = "macro_f1_fixed"

DOMAINBED_SPACE: Space = {
    "optimizer.lr": FloatRange(low=1e-5, high=10**-3.5, log=True),
    "optimizer.weight_decay": FloatRange(low=1e-6, high=1e-2, log=True),
    "batch_size": IntRange(low=8, high=45, log=True),
    "method.dropout": Choice(values=(0.0, 0.1, 0.5)),
}
"""DomainBed's random draws for pictures of this size, as a space that is searched."""

CLIP_SPACE: Space = {
    "optimizer.lr": FloatRange(low=1e-7, high=1e-4, log=True),
    "optimizer.weight_decay": FloatRange(low=1e-6, high=1e-2, log=True),
    "batch_size": IntRange(low=8, high=45, log=True),
}

TWIN_STEPS, TWIN_EVERY = 81, 20
SMOKE_STEPS, SMOKE_EVERY = 3, 2
TWIN_BATCH_SIZE = 8
TWIN_RATE = 20
"""Times the paper's learning rate, as there are tens of steps instead of thousands."""


def held_out(levels: Levels) -> Recipe:
    """Train on three domains, test on the fourth."""
    row = methods.row(levels["method"])
    sources = tuple(domain for domain in DOMAINS if domain != levels["test_domain"])
    return _recipe(row, sources, (levels["test_domain"],), f"test/{METRIC}")


def single_source(levels: Levels) -> Recipe | None:
    """Train on one domain; one run is tested on all three others."""
    source, target = levels["train_domain"], levels["test_domain"]
    if source == target:
        return None
    others = tuple(domain for domain in DOMAINS if domain != source)
    row = methods.row(levels["method"])
    return _recipe(row, (source,), others, f"test/{target}/{METRIC}")


def placed(levels: Levels) -> Recipe:
    """CoOpLVT with its tokens where they are read, or, as released, where they are not."""
    row = methods.coop_lvt(
        layers=1 if levels["layers"] == "1" else 3,
        tokens=int(levels["tokens"]),
        placement=levels["placement"],
    )
    sources = tuple(domain for domain in DOMAINS if domain != levels["test_domain"])
    return _recipe(row, sources, (levels["test_domain"],), f"test/{METRIC}")


def scaled(recipe: Recipe, scale: Scale) -> Recipe:
    """Return what a cell runs on twins."""
    config = recipe.config
    steps, every = (SMOKE_STEPS, SMOKE_EVERY) if scale == "smoke" else (TWIN_STEPS, TWIN_EVERY)
    small = replace(
        config,
        steps=steps,
        checkpoint_every=every,
        batch_size=TWIN_BATCH_SIZE,
        optimizer=replace(config.optimizer, lr=TWIN_RATE * config.optimizer.lr),
    )
    space = {key: param for key, param in recipe.space.items() if key != "batch_size"}
    records = 1 if recipe.steps == 1 else _records(steps, every)
    return replace(recipe, config=small, space=space, steps=records)


def _recipe(
    row: methods.Row, sources: tuple[str, ...], targets: tuple[str, ...], metric: str
) -> Recipe:
    config = generalise.Config(
        method=row.method,
        data=DataRef(name="dr"),
        source_domains=sources,
        test_domains=targets,
        optimizer=row.optimizer,
        selection_metric=OBJECTIVE.metric,
    )
    if not row.trains:
        return Recipe(config=config, objective=OBJECTIVE, metric=metric)
    return Recipe(
        config=config,
        objective=OBJECTIVE,
        metric=metric,
        space=DOMAINBED_SPACE if row.space == "domainbed" else CLIP_SPACE,
        steps=_records(config.steps, config.checkpoint_every),
    )


def _records(steps: int, every: int) -> int:
    """Return how often a run is validated: after step 0, every so many steps, and at its end."""
    return math.ceil((steps - 1) / every) + 1
