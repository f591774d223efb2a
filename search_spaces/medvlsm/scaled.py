"""What cells run on twins: a few hundred pictures of 64 px."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from search_spaces.space import FloatRange, Space
from search_spaces.study import Recipe, Scale
from trainables import segment
from trainables.engine.config import EarlyStopping
from trainables.segmentation.config import background_of

TWIN_EPOCHS = 8
TWIN_BATCH_SIZE = 16
TWIN_RATES = {"cris": 50.0, "biomed_clipseg": 3.0, "biomed_clipseg_d": 3.0}
"""Times the paper's learning rate, as there are hundreds of steps instead of ten thousands."""

SMOKE_CASES = 12
SMOKE_CASES_OF_ALL_CLASSES = 60
"""Where cases of one class are used, of ten at most."""

SMOKE_PROMPTS = ("p1", "random")


def scaled(recipe: Recipe, scale: Scale) -> Recipe | None:
    """Return what a cell runs on twins; a smoke test is of the keyword and random prompts only."""
    config = recipe.config
    if scale == "smoke":
        prompt = getattr(config, "prompt", None)
        if prompt is not None and prompt.type not in SMOKE_PROMPTS:
            return None
        config = replace(config, data=replace(config.data, limit=_limit(config)))
    config = replace(config, precision="fp32", batch_size=TWIN_BATCH_SIZE)
    if not isinstance(config, segment.Config):
        return replace(recipe, config=config)
    return _scaled_training(recipe, config, scale)


def _limit(config: Any) -> int:
    if background_of(getattr(config, "channels", {})) is not None:
        # A limit would leave structures of a picture out, and all of them are needed.
        return 0
    return SMOKE_CASES_OF_ALL_CLASSES if getattr(config, "classes", ()) else SMOKE_CASES


def _scaled_training(recipe: Recipe, config: segment.Config, scale: Scale) -> Recipe:
    epochs = 1 if scale == "smoke" else TWIN_EPOCHS
    rate = TWIN_RATES.get(config.segmenter.card, 1.0)
    config = replace(
        config,
        epochs=epochs,
        optimizer=replace(config.optimizer, lr=rate * config.optimizer.lr),
        early_stopping=EarlyStopping(patience=epochs, min_epochs=1),
    )
    space = _scaled_space(recipe.space, rate)
    return replace(recipe, config=config, space=space, steps=epochs)


def _scaled_space(space: Space, rate: float) -> Space:
    small = {key: param for key, param in space.items() if key != "batch_size"}
    lr = small.get("optimizer.lr")
    if isinstance(lr, FloatRange):
        small["optimizer.lr"] = replace(lr, low=rate * lr.low, high=rate * lr.high)
    return small
