"""A recipe chooses epochs and configs by one and the same number."""

from __future__ import annotations

import dataclasses
from typing import Literal

import pytest

from search_spaces.study import Objective, Recipe
from trainables import classify, knn
from trainables.config import BackboneRef, DataRef
from trainables.errors import ConfigError

BACKBONE = BackboneRef(card="resnet50")
DATA = DataRef(name="aptos2019")


def recipe(selection: str, objective: str, mode: Literal["max", "min"] = "max") -> Recipe:
    config = classify.Config(backbone=BACKBONE, data=DATA, selection_metric=selection)
    return Recipe(
        config=config, objective=Objective(metric=objective, mode=mode), metric="test/auc"
    )


def test_epoch_and_config_are_chosen_by_one_metric() -> None:
    assert recipe("val/auc", "val/auc").objective.metric == "val/auc"
    with pytest.raises(ConfigError, match=r"'val/auc'.*'val/accuracy'"):
        recipe("val/auc", "val/accuracy")


def test_an_override_of_the_config_is_checked_too() -> None:
    fine = recipe("val/auc", "val/auc")
    changed = dataclasses.replace(fine.config, selection_metric="val/kappa")
    with pytest.raises(ConfigError, match="val/kappa"):
        dataclasses.replace(fine, config=changed)


def test_the_best_epoch_is_the_largest_value() -> None:
    with pytest.raises(ConfigError, match="'min'"):
        recipe("val/auc", "val/auc", mode="min")


def test_config_without_epochs_to_choose_from_takes_any_objective() -> None:
    config = knn.Config(backbone=BACKBONE, data=DATA)
    made = Recipe(config=config, objective=Objective(metric="val/kappa"), metric="test/kappa")
    assert made.objective.metric == "val/kappa"
