"""What scores of cases add up to."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainables.segmentation.evaluation import Scores
from trainables.segmentation.summary import summarise, validation_metrics
from trainables.segmentation.testing import _shuffle

DICE = [0.2, 0.4, 1.0, 0.9, 0.5]
EMPTY = np.array([False, False, True, False, False])
CLASSES = np.array(["a", "a", "b", "b", "a"])


def scores(values: list[float]) -> Scores:
    column = np.array(values)
    names = ("dice", "iou", "dice_net", "iou_net", "dice_files", "iou_files")
    return {name: column * (k + 1) / 10 for k, name in enumerate(names)}


def test_means_are_over_cases_whatever_their_class() -> None:
    metrics = summarise(scores(DICE), EMPTY, CLASSES, np.array(["here"] * 5))
    assert metrics["test/dice"] == pytest.approx(0.06)
    assert metrics["test/iou"] == pytest.approx(0.12)
    assert metrics["test/iou_files"] == pytest.approx(0.36)
    assert metrics["test/dice_sd"] == pytest.approx(0.1 * np.std(DICE, ddof=1))
    assert metrics["test/class/a/dice"] == pytest.approx(0.1 * np.mean([0.2, 0.4, 0.5]))
    assert metrics["test/class/b/iou"] == pytest.approx(0.2 * np.mean([1.0, 0.9]))
    assert (metrics["test/cases"], metrics["test/empty_cases"]) == (5, 1)
    assert metrics["test/dice_nonempty"] == pytest.approx(0.1 * np.mean([0.2, 0.4, 0.9, 0.5]))
    assert not any(name.startswith("test/domain") for name in metrics), "there is one only"


def test_domains_of_a_pool_have_numbers_of_their_own() -> None:
    domains = np.array(["x", "y", "x", "y", "y"])
    metrics = summarise(scores(DICE), EMPTY, np.array(["a"] * 5), domains)
    assert metrics["test/domain/x/dice"] == pytest.approx(0.1 * np.mean([0.2, 1.0]))
    assert not any(name.startswith("test/class") for name in metrics)


def test_without_a_structure_anywhere_nothing_is_said_of_structures() -> None:
    metrics = summarise(scores([1.0]), np.array([True]), np.array(["a"]), np.array(["x"]))
    assert "test/dice_nonempty" not in metrics
    assert all(math.isfinite(value) for value in metrics.values())


def test_the_validation_loss_is_over_the_cases_that_count() -> None:
    found = validation_metrics(
        {
            "dice_net": np.array([0.5, 1.0]),
            "iou_net": np.array([0.25, 1.0]),
            "loss": np.array([0.75, 0.0]),
            "counted": np.array([1.0, 0.0]),
        }
    )
    assert found == {"val/dice": 0.75, "val/iou": 0.625, "val/loss": 0.75}


@pytest.mark.parametrize("cases", [2, 3, 50])
def test_no_case_keeps_its_own_text_when_texts_are_shuffled(cases: int) -> None:
    texts = [(f"text {case}",) for case in range(cases)]
    shuffled = _shuffle(texts)
    assert sorted(shuffled) == sorted(texts)
    assert all(given != own for given, own in zip(shuffled, texts, strict=True))
