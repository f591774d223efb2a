"""What one cell of each table runs."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.foundation_medical.grid import BASELINES, OTHER
from search_spaces.medical_sets import metric, objective
from search_spaces.space import FloatRange, Space
from search_spaces.study import CellRef, Levels, Recipe, Scale
from trainables import classify, embedding_knn, embedding_similarity, layer_similarity
from trainables.config import BackboneRef, DataRef
from trainables.data.augmentation import Augmentation
from trainables.engine.config import OptimizerConfig, Precision, ScheduleConfig
from trainables.models.cards import get_backbone_card
from trainables.models.head_config import HeadConfig

EPOCHS = 100
BATCH_SIZE = 64
WARMUP_EPOCHS = {"aptos2019": 5, "ddsm": 5}
WARMUP_STEPS = {"isic2019": 1000, "chexpert": 1000}
RELEASED = {"blip_base": "blip_base_released", "seem_focal_t": "seem_focal_t_released"}
"""Cards that do what the released code does where it differs from the model's own."""

SPACE: Space = {
    "optimizer.lr": FloatRange(low=1e-5, high=1e-2, log=True),
    "optimizer.weight_decay": FloatRange(low=1e-6, high=1e-2, log=True),
}

TWIN_EPOCHS = 4
TWIN_BATCH_SIZE = 16
TWIN_RATE = 10
"""Times the paper's learning rate, as there are a hundred steps instead of thousands."""
TWIN_WARMUP_STEPS = 10
TWIN_NEIGHBOURS = 20
SMOKE_PICTURES = 48


def _backbone(name: str, profile: str, output_block: int | None = None) -> BackboneRef:
    card = get_backbone_card(RELEASED.get(name, name) if profile == "paper" else name)
    return BackboneRef(card=card.name, weights=card.default_weights, output_block=output_block)


def _head(name: str, weights_of: str = "deit_b") -> HeadConfig:
    if name == "linear":
        return HeadConfig()
    card = get_backbone_card(weights_of)
    return HeadConfig(
        name="deit", backbone=BackboneRef(card=card.name, weights=card.default_weights)
    )


def _training(
    backbone: BackboneRef, head: HeadConfig, dataset: str, profile: str, frozen: bool
) -> Recipe:
    """Return the released code's training; 'clean' drops what it does by mistake or by accident."""
    goal, paper = objective(dataset), profile == "paper"
    # Its autocast does not reach the backbone and the DeiT head when there is one (R13).
    precision: Precision = "fp32" if paper and head.name == "deit" else "fp16"
    config = classify.Config(
        backbone=backbone,
        head=head,
        data=DataRef(name="chexpert_patient" if dataset == "chexpert" and not paper else dataset),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        drop_last=True,
        channels="native" if paper else "rgb",
        normalisation="dataset" if paper else "backbone",
        crop_fraction=0.875,
        interpolation="bilinear",
        optimizer=OptimizerConfig(name="adamw", lr=1e-4, weight_decay=1e-5),
        schedule=ScheduleConfig(
            name="constant",
            warmup_epochs=WARMUP_EPOCHS.get(dataset, 0),
            warmup_steps=WARMUP_STEPS.get(dataset, 0),
            warmup_overshoot=paper,
        ),
        precision=precision,
        clip_norm=1.0,
        augment=Augmentation.preset("foundation_medical"),
        freeze_backbone=frozen,
        selection_metric=goal.metric,
        selection="paper" if paper else "first_best",
        val_batches="full_batches_shuffled" if paper else "all",
        keep_initial=True,
    )
    return Recipe(config=config, objective=goal, metric=metric(dataset), space=SPACE, steps=EPOCHS)


def grid(levels: Levels) -> Recipe | None:
    """A baseline has a linear head only."""
    if levels["backbone"] in BASELINES and levels["head"] != "linear":
        return None
    return _training(
        _backbone(levels["backbone"], levels["profile"]),
        _head(levels["head"]),
        levels["dataset"],
        levels["profile"],
        frozen=levels["training"] == "frozen",
    )


def dino_head(levels: Levels) -> Recipe:
    return _training(
        _backbone(levels["backbone"], "paper"),
        _head("deit_b", weights_of="dino_vit_b16"),
        levels["dataset"],
        "paper",
        frozen=False,
    )


def unfrozen_from(levels: Levels) -> Recipe | None:
    """The last blocks train; with a linear head, as the released code trains none below DeiT-B."""
    block = int(levels["block"])
    if block >= _units(levels["backbone"]):
        return None
    recipe = _training(
        _backbone(levels["backbone"], "paper"),
        HeadConfig(),
        levels["dataset"],
        "paper",
        frozen=True,
    )
    return replace(recipe, config=replace(recipe.config, unfreeze_from=block))


def cut_after(levels: Levels) -> Recipe | None:
    """Features of an earlier block; after the last one, it is the cell of the main table."""
    block, units = int(levels["block"]), _units(levels["backbone"])
    if block >= units:
        return None
    return _training(
        _backbone(levels["backbone"], "paper", None if block == units - 1 else block),
        _head(levels["head"]),
        levels["dataset"],
        "paper",
        frozen=True,
    )


def neighbours(levels: Levels) -> Recipe | None:
    """Look at the model of the cell of ``grid`` with the same levels."""
    if levels["backbone"] in BASELINES and levels["head"] != "linear":
        return None
    goal = objective(levels["dataset"])
    return Recipe(
        config=embedding_knn.Config(
            data=DataRef(name=levels["dataset"]), selection_metric=goal.metric
        ),
        objective=goal,
        metric=metric(levels["dataset"]),
        needs={"model": _trained(levels, levels["backbone"], levels["head"], levels["training"])},
    )


def similar_to_pretrained(levels: Levels) -> Recipe:
    """Every layer before and after fine-tuning."""
    goal = objective(levels["dataset"])
    return Recipe(
        config=layer_similarity.Config(
            data=DataRef(name=levels["dataset"]), selection_metric=goal.metric, aggregate="hsic"
        ),
        objective=goal,
        metric="cka/mean",
        needs={"model": _trained(levels, levels["backbone"])},
    )


def similar_to_other(levels: Levels) -> Recipe | None:
    """What the last layers of two fine-tuned models read, each pair once."""
    one, other = (OTHER.levels.index(levels[name]) for name in ("backbone", "other"))
    if one >= other:
        return None
    goal = objective(levels["dataset"])
    return Recipe(
        config=embedding_similarity.Config(
            data=DataRef(name=levels["dataset"]), selection_metric=goal.metric
        ),
        objective=goal,
        metric="cka/last",
        needs={
            "model": _trained(levels, levels["backbone"]),
            "other": _trained(levels, levels["other"]),
        },
    )


def scaled(recipe: Recipe, scale: Scale) -> Recipe:
    """Return what a cell runs on twins: a few hundred pictures of 64 px do not need more."""
    smoke = scale == "smoke"
    config = replace(
        recipe.config, data=replace(recipe.config.data, limit=SMOKE_PICTURES if smoke else 0)
    )
    if isinstance(config, embedding_knn.Config):
        return replace(recipe, config=replace(config, k=TWIN_NEIGHBOURS))
    if not isinstance(config, classify.Config):
        return replace(recipe, config=config)
    epochs = 1 if smoke else TWIN_EPOCHS
    small = replace(
        config,
        unfreeze_from=_twin_block(config),
        epochs=epochs,
        batch_size=TWIN_BATCH_SIZE,
        optimizer=replace(config.optimizer, lr=TWIN_RATE * config.optimizer.lr),
        schedule=replace(
            config.schedule, warmup_epochs=0, warmup_steps=1 if smoke else TWIN_WARMUP_STEPS
        ),
        # Half precision is for GPUs.
        precision="fp32",
    )
    return replace(recipe, config=small, steps=epochs)


def _twin_block(config: classify.Config) -> int | None:
    """Return the block of the twin, which the planner swaps in, that is as deep in proportion."""
    card = get_backbone_card(config.backbone.card)
    if config.unfreeze_from is None or card.twin is None:
        return config.unfreeze_from
    return card.twin_output_block(config.unfreeze_from, get_backbone_card(card.twin))


def _units(backbone: str) -> int:
    """Return how many blocks, or stages of SEEM, can be unfrozen or cut."""
    return get_backbone_card(backbone).output_blocks


def _trained(
    levels: Levels, backbone: str, head: str = "linear", training: str = "fine_tuned"
) -> CellRef:
    return CellRef.of(
        "grid",
        {
            "backbone": backbone,
            "head": head,
            "training": training,
            "dataset": levels["dataset"],
            "profile": "paper",
        },
    )
