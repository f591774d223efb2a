"""The body of the grounding trainable."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainables.analyses.tower import open_tower
from trainables.concepts.grounding import Grounding, fit_grounding
from trainables.concepts.grounding_files import Origin, save_grounding
from trainables.concepts.knowledge import annotated_concepts
from trainables.concepts.samples import sample_concepts
from trainables.context import Context, State
from trainables.data.concepts import AnnotatedPictures
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split

if TYPE_CHECKING:
    from trainables.grounding import Config


def fit_and_save(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.grounding.run` promises."""
    train = open_split(config.data, "train", context)
    concepts = annotated_concepts(train, config.knowledge, context.locations)
    found = context.resume()
    grounding = _restored(found[1]) if found else _fit_and_report(config, train, concepts, context)
    if not context.final:
        return {}
    if context.is_main:
        save_grounding(context.artifacts, grounding, _origin(config, context))
    learned = len(grounding.names)
    return {
        "concepts": float(learned),
        "skipped": float(len(concepts) - learned),
        "accuracy": float(grounding.val_accuracy_c.mean()),
    }


def _fit_and_report(
    config: Config, train: ImageSet, concepts: Mapping[str, AnnotatedPictures], context: Context
) -> Grounding:
    samples = sample_concepts(
        concepts,
        config.data.name,
        config.max_examples,
        config.train_examples,
        config.least_held_out,
    )
    feats_nd = open_tower(config, context, config.resize).feats(train)
    started = time.perf_counter()
    grounding = fit_grounding(feats_nd, samples, config.inverse_l2)
    metrics = {
        "val/accuracy": float(grounding.val_accuracy_c.mean()),
        "train/accuracy": float(grounding.train_accuracy_c.mean()),
        "perf/fit_s": time.perf_counter() - started,
    }
    context.report(step=1, metrics=metrics, state=lambda: _state(grounding))
    return grounding


def _origin(config: Config, context: Context) -> Origin:
    tower = open_tower(config, context, config.resize)
    return Origin(backbone=config.backbone, clip=tower.clip, knowledge=config.knowledge)


def _state(grounding: Grounding) -> State:
    tensors = ("weight_cd", "bias_c", "train_accuracy_c", "val_accuracy_c")
    return {"names": list(grounding.names)} | {name: getattr(grounding, name) for name in tensors}


def _restored(state: State) -> Grounding:
    return Grounding(**{**state, "names": tuple(state["names"])})
