"""What one cell of each table runs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from search_spaces.coop_lvt import methods
from search_spaces.coop_lvt.grid import DOMAINS
from search_spaces.space import Choice, FloatRange, IntRange, Space
from search_spaces.study import Levels, Objective, Recipe, Scale
from trainables import generalise
from trainables.config import DataRef

OBJECTIVE = Objective(metric="val/macro_f1_fixed")
METRIC = "macro_f1_fixed"
LR = "optimizer.lr"


_DECAY = FloatRange(low=1e-6, high=1e-2, log=True)
_BATCH_SIZE = IntRange(low=8, high=45, log=True)
DOMAINBED_SPACE: Space = {
    LR: FloatRange(low=1e-5, high=10**-3.5, log=True),
    "optimizer.weight_decay": _DECAY,
    "batch_size": _BATCH_SIZE,
    "method.dropout": Choice(values=(0.0, 0.1, 0.5)),
}
"""DomainBed's random draws for pictures of this size, as a space that is searched."""

TRANSFORMER_SPACE: Space = {
    LR: FloatRange(low=1e-7, high=1e-4, log=True),
    "optimizer.weight_decay": _DECAY,
    "batch_size": _BATCH_SIZE,
}
"""Ours: DomainBed's rates are those of a ResNet."""

ADDED_SPACE: Space = TRANSFORMER_SPACE | {LR: FloatRange(low=1e-5, high=1e-1, log=True)}
"""Ours, where few parameters train beside frozen ones."""

_SPACES = {
    "domainbed": DOMAINBED_SPACE,
    "transformer": TRANSFORMER_SPACE,
    "added": ADDED_SPACE,
}

TWIN_STEPS, TWIN_EVERY = 81, 20
SMOKE_STEPS, SMOKE_EVERY = 3, 2
TWIN_BATCH_SIZE = 8
TWIN_RATE = 20
"""Times the rates of the paper and of the spaces: tens of steps take the place of thousands."""


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


def placed(levels: Levels) -> Recipe | None:
    """CoOpLVT with its tokens where they are read, or, as released, where they are not."""
    layers: Literal[1, 3] = 1 if levels["layers"] == "1" else 3
    tokens, placement = int(levels["tokens"]), levels["placement"]
    if placement == "appended" and (layers, tokens) not in methods.RELEASED:
        return None
    row = methods.coop_lvt(layers, tokens, placement)
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
    records = 1 if recipe.steps == 1 else _records(steps, every)
    return replace(recipe, config=small, space=_scaled_space(recipe.space), steps=records)


def _scaled_space(space: Space) -> Space:
    small = {key: param for key, param in space.items() if key != "batch_size"}
    rate = small.get(LR)
    if isinstance(rate, FloatRange):
        small[LR] = replace(rate, low=TWIN_RATE * rate.low, high=TWIN_RATE * rate.high)
    return small


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
        space=_SPACES[row.space],
        steps=_records(config.steps, config.checkpoint_every),
    )


def _records(steps: int, every: int) -> int:
    """Return how often a run is validated: after step 0, every so many steps, and at its end."""
    return math.ceil((steps - 1) / every) + 1
