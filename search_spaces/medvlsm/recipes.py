"""What one cell of each table runs: the launch scripts' values, not those of the model files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from search_spaces.medvlsm.grid import (
    ALL_STRUCTURES,
    CNNS,
    NO_PROMPT,
    POLYPS,
    STRUCTURES,
    TUMOURS,
    prompt_types,
)
from search_spaces.space import Choice, FloatRange, Space
from search_spaces.study import CellRef, Levels, Objective, Recipe
from trainables import segment, segment_transfer, segment_zero_shot
from trainables.config import BackboneRef, DataRef
from trainables.data.sets.segmentation_sets import BY_NAME, CHANNELS, SEGMENTATION_SETS
from trainables.engine.config import OptimizerConfig, ScheduleConfig
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.models.segmenter_options import SegmenterOptions
from trainables.segmentation.config import LossConfig, PromptConfig

EPOCHS = 1000
OBJECTIVE = Objective(metric="val/dice")
TESTED_ONLY = Objective(metric="val/cases")
"""Of sets without a validation split: nothing is selected on them."""

DICE = "test/dice"
TUMOUR_DICE = "test/dice_nonempty"
SWEPT = "kvasir_polyp"
"""The released sweep names no data set, and no prompt: both are ours."""

LR, DECAY, BATCH_SIZE = "optimizer.lr", "optimizer.weight_decay", "batch_size"
_DECAYS = FloatRange(low=1e-5, high=1e-2, log=True)
TEXT_SPACE: Space = {LR: FloatRange(low=1e-6, high=1e-2, log=True), DECAY: _DECAYS}
CNN_SPACE: Space = {LR: FloatRange(low=1e-5, high=1e-2, log=True), DECAY: _DECAYS}
_BATCHES = Choice(values=(16, 32, 64, 128))
SWEEPS: Mapping[str, Space] = {
    # Its upper bound excludes the rate that is used in the end.
    "published": {LR: FloatRange(low=1e-6, high=1e-3), BATCH_SIZE: _BATCHES},
    "wide": {
        **TEXT_SPACE,
        BATCH_SIZE: _BATCHES,
        "prompt.type": Choice(values=prompt_types(SWEPT)),
        "loss.name": Choice(values=("dice_ce", "dice_bce")),
    },
}


def zero_shot(levels: Levels) -> Recipe | None:
    """The published weights, on the test split."""
    dataset, prompt = levels["dataset"], levels["prompt"]
    if prompt not in prompt_types(dataset):
        return None
    config = segment_zero_shot.Config(
        segmenter=_segmenter(levels["model"]),
        data=DataRef(name=dataset),
        prompt=PromptConfig(type=prompt),
    )
    has_validation = dataset not in BY_NAME or BY_NAME[dataset].counts["val"] > 0
    return Recipe(
        config=config, objective=OBJECTIVE if has_validation else TESTED_ONLY, metric=DICE
    )


def fine_tuned(levels: Levels) -> Recipe | None:
    """One model for each data set and prompt."""
    if levels["prompt"] not in prompt_types(levels["dataset"]):
        return None
    return _training(levels["model"], levels["dataset"], levels["prompt"])


def tumours(levels: Levels) -> Recipe:
    return _training(levels["model"], TUMOURS, levels["prompt"])


def frozen_encoders(levels: Levels) -> Recipe | None:
    recipe = fine_tuned(levels)
    if recipe is None:
        return None
    options = SegmenterOptions(freeze_encoder=True)
    return replace(recipe, config=replace(recipe.config, options=options))


def pooled_training(levels: Levels) -> Recipe | None:
    """One model for each prompt over endoscopy, one over everything, whatever the prompt."""
    model, pool, prompt = (levels[name] for name in ("model", "pool", "prompt"))
    wanted = (NO_PROMPT,) if model in CNNS else prompt_types(pool)
    return _training(model, pool, prompt) if prompt in wanted else None


def pooled_test(levels: Levels) -> Recipe | None:
    """A pooled model on each set alone, as the published table has it."""
    dataset, pool = levels["dataset"], levels["pool"]
    trained = {name: levels[name] for name in ("model", "pool", "prompt")}
    if pooled_training(trained) is None or (pool == "pooled_polyp" and dataset not in POLYPS):
        return None
    recipe = _transfer(
        "busi" if dataset == TUMOURS else dataset,
        {"trained": CellRef.of("pooled_training", trained)},
        levels["prompt"],
    )
    return replace(recipe, metric=TUMOUR_DICE) if dataset == TUMOURS else recipe


def cross(levels: Levels) -> Recipe | None:
    """A model of one polyp set on another, asked with the type of prompt it was trained with."""
    train, test = levels["train"], levels["dataset"]
    if train == test:
        return None
    ref = CellRef.of(
        "finetune", {"model": levels["model"], "dataset": train, "prompt": levels["prompt"]}
    )
    return _transfer(test, {"trained": ref}, levels["prompt"])


def cnn_of_structure(levels: Levels) -> Recipe:
    """A CNN that is trained and tested on the cases of one class."""
    structure = levels["structure"]
    return _training(levels["model"], STRUCTURES[structure], NO_PROMPT, classes=(structure,))


def cnn_individual(levels: Levels) -> Recipe:
    """One CNN for a set of one class; one for each class of the others, each on its own cases."""
    model, dataset = levels["model"], levels["dataset"]
    # Deviates from the released scripts: a model of normal pictures has nothing to learn.
    tested = TUMOURS if dataset == "busi" else dataset
    structures = [name for name, of in STRUCTURES.items() if of == tested]
    if not structures:
        return _training(model, dataset, NO_PROMPT)
    refs = {
        name: CellRef.of("cnn_structures", {"model": model, "structure": name})
        for name in structures
    }
    return _transfer(tested, refs, NO_PROMPT)


def cnn_multiclass(levels: Levels) -> Recipe:
    """A CNN that gives every pixel of CAMUS to one of its structures or to the background."""
    # Deviates from the released variant, which cannot run: there the loss gets a target of one
    # channel. That it trains on a softmax, background included, and leaves the background out of
    # its Dice is as released.
    recipe, structure = _training(levels["model"], "camus", NO_PROMPT), levels["structure"]
    channels = {"background": (), **{name: (name,) for name in BY_NAME["camus"].classes}}
    return replace(
        recipe,
        config=replace(recipe.config, channels=channels),
        metric=DICE if structure == ALL_STRUCTURES else f"test/class/{structure}/dice",
    )


def sweep(levels: Levels) -> Recipe:
    recipe = _training("clipseg", SWEPT, "p1")
    return replace(recipe, space=SWEEPS[levels["space"]])


def _training(model: str, dataset: str, prompt: str, classes: tuple[str, ...] = ()) -> Recipe:
    shared: dict[str, Any] = {
        "segmenter": _segmenter(model),
        "data": DataRef(name=dataset),
        "classes": classes,
        "epochs": EPOCHS,
    }
    if model in CNNS:
        config = segment.Config(
            **shared,
            channels=_pooled_channels() if dataset == "pooled_all" else {},
            loss=LossConfig(name="tuned_dice"),
            batch_size=16,
            optimizer=OptimizerConfig(name="adam", lr=1e-3),
            schedule=ScheduleConfig(name="constant"),
        )
        return _trained(config, CNN_SPACE)
    cris = model == "cris"
    config = segment.Config(
        **shared,
        prompt=PromptConfig(type=prompt),
        batch_size=32 if cris else 128,
        optimizer=OptimizerConfig(lr=2e-5 if cris else 2e-3, weight_decay=1e-3),
    )
    return _trained(config, TEXT_SPACE)


def _trained(config: segment.Config, space: Space) -> Recipe:
    return Recipe(config=config, objective=OBJECTIVE, metric=DICE, space=space, steps=EPOCHS)


def _transfer(dataset: str, needs: Mapping[str, CellRef], prompt: str) -> Recipe:
    config = segment_transfer.Config(
        data=DataRef(name=dataset),
        prompt=None if prompt == NO_PROMPT else PromptConfig(type=prompt),
    )
    return Recipe(
        config=config,
        objective=OBJECTIVE,
        metric=DICE,
        needs=needs,
    )


def _segmenter(model: str) -> BackboneRef:
    return BackboneRef(card=model, weights=get_segmenter_card(model).default_weights)


def _pooled_channels() -> dict[str, tuple[str, ...]]:
    """Return the 17 channels of the pooled CNN, with every name a set has for their class."""
    names: dict[str, dict[str, None]] = {channel: {channel: None} for channel in CHANNELS}
    for known in SEGMENTATION_SETS:
        for name, channel in zip(known.classes, known.channels, strict=True):
            names[channel][name] = None
    return {channel: tuple(of) for channel, of in names.items()}
