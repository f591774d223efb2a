"""What cells run on twins: a few hundred generated pictures that have a dozen concepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from search_spaces.space import FloatRange, Param
from search_spaces.study import Recipe, Scale
from search_spaces.why_lesion_clip.grid import SIZE, modality_of
from trainables.data.sets.chexpert_findings import NO_FINDING
from trainables.data.twins import chest_twin
from trainables.data.twins.knobo_twin_knowledge import FINDINGS, priors
from trainables.head_training import HeadTraining
from trainables.knowledge import Subject

TWIN_RATE = 10
"""Times the rates of the paper and of the spaces: hundreds of steps replace thousands."""
TWIN_HEAD_EPOCHS = 0.3
"""Times the paper's epochs of heads."""
TWIN_TRAINED_EPOCHS, TWIN_BATCH_SIZE = 6, 16
TWIN_ALIGN_LR, TWIN_ALIGN_BATCH_SIZE = 1e-3, 64
TWIN_CONCEPTS = 12
"""What the 150 concepts of a bottleneck are on twins; smaller ones in proportion."""
TWIN_MOST_SHOTS = 8
"""The rarest class of ``ham10000_twin`` has 16 training pictures."""
SMOKE_PICTURES, SMOKE_EXAMPLES = 48, 20
SMOKE_EPOCHS = 2

_MOST = max(int(size) for size in SIZE.levels)


def scaled(recipe: Recipe, scale: Scale) -> Recipe | None:
    """Return what a cell runs on twins; None where they have too few pictures for it."""
    if recipe.config.trainable not in _SCALED:
        return recipe
    config = _SCALED[recipe.config.trainable](recipe.config, scale == "smoke")
    if config is None:
        return None
    steps = 1 if recipe.steps == 1 else _epochs(config)
    space = {key: _faster(key, param) for key, param in recipe.space.items()}
    return replace(recipe, config=config, steps=steps, space=space)


def _aligned(config: Any, smoke: bool) -> Any:
    return replace(
        config,
        data=_few(config.data, smoke),
        epochs=SMOKE_EPOCHS if smoke else TWIN_TRAINED_EPOCHS,
        batch_size=TWIN_BATCH_SIZE if smoke else TWIN_ALIGN_BATCH_SIZE,
        optimizer=replace(config.optimizer, lr=TWIN_ALIGN_LR),
    )


def _shaped(config: Any, smoke: bool) -> Any:
    """Language-shaped learning needs a hundred pictures that show a concept: few are trained on."""
    small = replace(
        config,
        epochs=SMOKE_EPOCHS if smoke else TWIN_TRAINED_EPOCHS,
        optimizer=replace(config.optimizer, lr=TWIN_RATE * config.optimizer.lr),
    )
    return replace(small, train_examples=SMOKE_EXAMPLES) if smoke else small


def _trained(config: Any, smoke: bool) -> Any:
    return replace(
        config,
        data=_few(config.data, smoke),
        epochs=SMOKE_EPOCHS if smoke else TWIN_TRAINED_EPOCHS,
        batch_size=TWIN_BATCH_SIZE,
        optimizer=replace(config.optimizer, lr=TWIN_RATE * config.optimizer.lr),
    )


def _probed(config: Any, smoke: bool) -> Any:
    if config.shots > TWIN_MOST_SHOTS:
        return None
    columns = config.columns
    if columns is not None and columns <= _MOST:
        columns = _concepts(columns, smoke)
    shots = min(config.shots, 1) if smoke else config.shots
    return replace(_headed(config, smoke), columns=columns, shots=shots)


def _bottleneck(config: Any, smoke: bool) -> Any:
    return replace(_headed(config, smoke), concepts=_concepts(config.concepts, smoke))


def _headed(config: Any, smoke: bool) -> Any:
    training = config.training
    return replace(
        config,
        data=_few(config.data, smoke),
        training=HeadTraining(
            epochs=SMOKE_EPOCHS if smoke else round(TWIN_HEAD_EPOCHS * training.epochs),
            batch_size=training.batch_size,
            lr=TWIN_RATE * training.lr,
        ),
    )


def _prompted(config: Any, smoke: bool) -> Any:
    """A class of a twin is asked for by the findings it shows: names say nothing to its CLIP."""
    subject: Subject = "skin_twin" if modality_of(config.data.name) == "skin" else "xray_twin"
    known = priors(f"{config.data.name}_twin")
    prompts = {
        name: tuple(FINDINGS[subject][q] for q, answer in answers.items() if answer == "yes")
        or (chest_twin.finding(NO_FINDING),)
        for name, answers in known.items()
    }
    return replace(config, data=_few(config.data, smoke), prompts=prompts)


def _made_up(config: Any, smoke: bool) -> Any:
    """No picture tells a list of concepts that it is to be a twin's."""
    del smoke
    return replace(config, subject=f"{config.subject}_twin")


def _few(data: Any, smoke: bool) -> Any:
    return replace(data, limit=SMOKE_PICTURES) if smoke else data


def _concepts(size: int, smoke: bool) -> int:
    """Return how many concepts stand for so many of the paper's; a smoke tries one number."""
    return TWIN_CONCEPTS if smoke else max(1, round(size * TWIN_CONCEPTS / _MOST))


def _epochs(config: Any) -> int:
    epochs: int = config.training.epochs if hasattr(config, "training") else config.epochs
    return epochs


def _faster(key: str, param: Param) -> Param:
    if key.endswith("lr") and isinstance(param, FloatRange):
        return replace(param, low=TWIN_RATE * param.low, high=TWIN_RATE * param.high)
    return param


# Concepts are learned from all pictures of a corpus, of which a twin takes its share of reports.
_SCALED: Mapping[str, Callable[[Any, bool], Any]] = MappingProxyType(
    {
        "align": _aligned,
        "bottleneck": _bottleneck,
        "classify": _trained,
        "concept_diversity": _made_up,
        "labo": _headed,
        "lsl": _shaped,
        "probe": _probed,
        "zero_shot": _prompted,
    }
)
