"""What one cell of each table runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from search_spaces.feature_reuse.grid import MOST_EPOCHS, TRAINING_IMAGES
from search_spaces.medical_sets import metric, objective
from search_spaces.space import Choice, FloatRange, Space
from search_spaces.study import CellRef, Levels, Objective, Recipe, Scale
from trainables import (
    classify,
    data_distance,
    layer_knn,
    layer_reinit,
    layer_similarity,
    weight_change,
)
from trainables.config import BackboneRef, DataRef
from trainables.data.augmentation import Augmentation
from trainables.engine.config import OptimizerConfig, ScheduleConfig
from trainables.models.card import NOTHING_KEPT, RANDOM
from trainables.models.cards import get_backbone_card

BATCH_SIZE = 64
LR_FINDER_EPOCHS = 5
SPACE: Space = {
    "optimizer.lr": FloatRange(low=1e-5, high=1e-2, log=True),
    "optimizer.weight_decay": FloatRange(low=1e-6, high=1e-2, log=True),
}
LR_GRID: Space = {
    "optimizer.lr": Choice(values=tuple(float(f"{10 ** (-5 + 3 * j / 24):.4g}") for j in range(25)))
}

TWIN_EPOCHS = 6
TWIN_BATCH_SIZE = 16
TWIN_RATE = 10
"""Times the paper's learning rate, as there are a hundred steps instead of thousands."""
TWIN_WARMUP_STEPS = 10
TWIN_NEIGHBOURS = 20
TWIN_LR_GRID: Space = {"optimizer.lr": Choice(values=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2))}
TWIN_LEAST_FRACTION = 0.25
SMOKE_PICTURES = 48


def _backbone(model: str, init: str) -> BackboneRef:
    card = get_backbone_card(model)
    if init == "ri":
        return BackboneRef(card=model, weights=RANDOM)
    level = NOTHING_KEPT if init == "st" else None
    return BackboneRef(card=model, weights=card.default_weights, transfer_level=level)


def _fine_tune(backbone: BackboneRef, dataset: str) -> Recipe:
    """Return the paper's training: sections 3.7, 4 and 5 of its code's settings."""
    goal = objective(dataset)
    transformer = backbone.card.startswith(("deit", "swin"))
    config = classify.Config(
        backbone=backbone,
        data=DataRef(name=dataset),
        epochs=MOST_EPOCHS[dataset],
        batch_size=BATCH_SIZE,
        drop_last=True,
        channels="native",
        crop_fraction=0.875,
        interpolation="bilinear",
        optimizer=OptimizerConfig(
            name="adamw" if transformer else "adam",
            lr=3e-4 if backbone.weights == RANDOM else 1e-4,
            weight_decay=1e-5,
        ),
        schedule=ScheduleConfig(
            name="plateau",
            warmup_steps=1000,
            warmup_overshoot=True,
            factor=0.1,
            patience=3,
            stop_below_lr=1e-6,
        ),
        clip_norm=1.0,
        augment=Augmentation.preset("feature_reuse"),
        normalisation="dataset",
        val_every=0.5,
        selection_metric=goal.metric,
        selection="paper",
        keep_initial=True,
    )
    return Recipe(
        config=config,
        objective=goal,
        metric=metric(dataset),
        space=SPACE,
        steps=config.epochs,
    )


def fine_tuned(levels: Levels) -> Recipe:
    return _fine_tune(_backbone(levels["model"], levels["init"]), levels["dataset"])


def up_to_level(levels: Levels) -> Recipe | None:
    """Level -2 is ST and the last level WT, so these two are the cells of the main table."""
    card, level = get_backbone_card(levels["model"]), int(levels["level"])
    if level > card.last_level:
        return None
    if level in (NOTHING_KEPT, card.last_level):
        return fine_tuned({**levels, "init": "st" if level == NOTHING_KEPT else "wt"})
    backbone = BackboneRef(card=levels["model"], weights=card.default_weights, transfer_level=level)
    return _fine_tune(backbone, levels["dataset"])


def by_capacity(levels: Levels) -> Recipe | None:
    """DeiT-S cut to five blocks has a published file and no statistics of its own to transfer."""
    if levels["model"] == "deit_s5" and levels["init"] == "st":
        return None
    return fine_tuned(levels)


def part_of_the_data(levels: Levels) -> Recipe | None:
    fraction = float(levels["fraction"])
    if fraction * TRAINING_IMAGES[levels["dataset"]] < BATCH_SIZE:
        return None
    recipe = fine_tuned(levels)
    return replace(recipe, config=replace(recipe.config, train_fraction=fraction))


def at_every_rate(levels: Levels) -> Recipe:
    """Every rate of the grid at a constant rate, validated once, at the end."""
    recipe = fine_tuned(levels)
    config = replace(
        recipe.config,
        epochs=LR_FINDER_EPOCHS,
        schedule=ScheduleConfig(name="constant"),
        val_every=1.0,
        keep_initial=False,
    )
    return replace(recipe, config=config, space=LR_GRID, grid=True, steps=LR_FINDER_EPOCHS)


def neighbours(levels: Levels) -> Recipe:
    state: Literal["trained", "initial"] = "trained" if levels["state"] == "trained" else "initial"
    config = layer_knn.Config(**_looked_at(levels), state=state)
    return _analysis(levels, config, metric(levels["dataset"]))


def layers_set_back(levels: Levels) -> Recipe:
    return _analysis(levels, layer_reinit.Config(**_looked_at(levels)), "drop/mean")


def weights_moved(levels: Levels) -> Recipe:
    return _analysis(levels, weight_change.Config(**_looked_at(levels)), "l2/total")


def similar_to_initial(levels: Levels) -> Recipe:
    return _analysis(levels, layer_similarity.Config(**_looked_at(levels)), "cka/mean")


def similar_to_statistics(levels: Levels) -> Recipe:
    """The network trained from weights beside the one trained from their statistics."""
    config = layer_similarity.Config(**_looked_at(levels), compare="other")
    wt, st = ({**levels, "init": init} for init in ("wt", "st"))
    recipe = _analysis(wt, config, "cka/mean")
    return replace(recipe, needs={**recipe.needs, "other": _trained(st)})


def _looked_at(levels: Levels) -> dict[str, Any]:
    """Return what the configs of all analyses say: whose pictures, and what chose the model."""
    dataset = levels["dataset"]
    return {"data": DataRef(name=dataset), "selection_metric": objective(dataset).metric}


def _analysis(levels: Levels, config: Any, printed: str) -> Recipe:
    return Recipe(
        config=config,
        objective=objective(levels["dataset"]),
        metric=printed,
        needs={"model": _trained(levels)},
    )


def _trained(levels: Levels) -> CellRef:
    return CellRef.of("main", {name: levels[name] for name in ("model", "dataset", "init")})


def distance_from_imagenet(levels: Levels) -> Recipe:
    return Recipe(
        config=data_distance.Config(
            backbone=BackboneRef(
                card="inception_fid", weights=get_backbone_card("inception_fid").default_weights
            ),
            data=DataRef(name=levels["dataset"]),
            reference=DataRef(name="imagenet_val"),
        ),
        objective=Objective(metric="val/fid", mode="min"),
        metric="fid",
        # The published weights and ImageNet's pictures are no part of the trainings.
        optional_data=True,
    )


def scaled(recipe: Recipe, scale: Scale) -> Recipe | None:
    """Return what a cell runs on twins: a few hundred pictures of 64 px do not need more."""
    limit = SMOKE_PICTURES if scale == "smoke" else 0
    config = recipe.config
    if isinstance(config, classify.Config):
        return _scaled_training(recipe, config, scale)
    changes = {"data": replace(config.data, limit=limit)}
    if isinstance(config, data_distance.Config):
        changes["reference"] = replace(config.reference, limit=limit)
    if isinstance(config, layer_knn.Config):
        changes["k"] = TWIN_NEIGHBOURS
    return replace(recipe, config=replace(config, **changes))


def _scaled_training(recipe: Recipe, config: classify.Config, scale: Scale) -> Recipe | None:
    if config.train_fraction < TWIN_LEAST_FRACTION:
        return None
    smoke = scale == "smoke"
    epochs = 1 if smoke else min(TWIN_EPOCHS, config.epochs)
    schedule = config.schedule
    if schedule.warmup_steps:
        schedule = replace(schedule, warmup_steps=1 if smoke else TWIN_WARMUP_STEPS)
    # A part of a few pictures would leave classes without any.
    few = smoke and config.train_fraction == 1
    small = replace(
        config,
        data=replace(config.data, limit=SMOKE_PICTURES if few else 0),
        epochs=epochs,
        batch_size=TWIN_BATCH_SIZE,
        optimizer=replace(config.optimizer, lr=TWIN_RATE * config.optimizer.lr),
        schedule=schedule,
        val_every=1.0,
    )
    space = TWIN_LR_GRID if recipe.grid else recipe.space
    return replace(recipe, config=small, space=space, steps=epochs)
