"""Scores of masks against recorded values, sets of pixels, and the rules for empty masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from trainables.segmentation.case_metrics import overlap_scores, stored_scores

ATOL = 1e-6
NAMES = [
    "binary_thr_0.5",
    "binary_thr_0.35",
    "empties_both_targetonly_predonly",
    "soft_target",
    "strict_inequality_0.5",
    "strict_inequality_0.35",
    "multi_channel_first_channel_dropped",
]


@pytest.mark.parametrize("name", NAMES)
def test_conforms_with_the_released_code(golden: Callable[[str], Any], name: str) -> None:
    (case,) = [c for c in golden("metrics")["cases"] if c["name"] == name]
    prediction = torch.tensor(case["prob"]) > case["threshold"]
    assert torch.equal(prediction, torch.tensor(case["pred"]).bool())
    dice, iou = overlap_scores(prediction, torch.tensor(case["target"]))
    # It leaves out the first of several channels.
    first = 1 if dice.shape[1] > 1 else 0
    for got, key in ((dice, "dice"), (iou, "iou")):
        expected = torch.tensor(case[key], dtype=torch.float64)
        torch.testing.assert_close(got[:, first:], expected, atol=ATOL, rtol=0)


def test_the_mean_over_cases_is_what_weighted_batches_give(golden: Callable[[str], Any]) -> None:
    record = golden("metrics")["epoch_aggregation"]
    scores = [value for batch in record["batch_values"] for value in batch]
    assert np.mean(scores) == pytest.approx(record["epoch_value_weighted_by_batch_size"], abs=ATOL)


def test_the_rule_of_files_takes_all_that_is_not_black(golden: Callable[[str], Any]) -> None:
    for case in golden("metrics")["file_based"]:
        stored = torch.tensor(case["gt"], dtype=torch.uint8)
        predicted = torch.tensor(case["pred"]) > 0
        scores = stored_scores(predicted, stored)
        assert 100 * scores["dice_files"] == pytest.approx(case["dice_percent"], abs=1e-4)
        assert 100 * scores["iou_files"] == pytest.approx(case["iou_percent"], abs=1e-4)
        for name, everywhere in (("ones", True), ("zeros", False)):
            flat = torch.full(stored.shape, everywhere)
            scored = 100 * stored_scores(flat, stored)["dice_files"]
            assert scored == pytest.approx(case[f"dice_percent_of_all_{name}"], abs=1e-4)


def test_stored_grey_counts_as_foreground_above_127() -> None:
    stored = torch.tensor([[0, 1, 127, 128, 255]], dtype=torch.uint8)
    predicted = torch.tensor([[False, False, False, True, True]])
    scores = stored_scores(predicted, stored)
    assert scores["dice"] == scores["iou"] == 1
    assert scores["dice_files"] == pytest.approx(2 * 2 / (2 + 4))


def test_equals_counting_pixels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        q, y = (rng.random((7, 9)) > rng.random() for _ in range(2))
        dice, iou = overlap_scores(torch.from_numpy(q), torch.from_numpy(y))
        chosen, wanted = ({tuple(p) for p in np.argwhere(m)} for m in (q, y))
        assert float(dice) == pytest.approx(2 * len(chosen & wanted) / (len(chosen) + len(wanted)))
        assert float(iou) == pytest.approx(len(chosen & wanted) / len(chosen | wanted))


@pytest.mark.parametrize(
    ("predicted", "target", "score"), [(0, 0, 1.0), (0, 1, 0.0), (1, 0, 0.0), (1, 1, 1.0)]
)
def test_only_two_empty_masks_agree(predicted: int, target: int, score: float) -> None:
    dice, iou = overlap_scores(
        torch.full((4, 4), bool(predicted)), torch.full((4, 4), float(target))
    )
    assert (float(dice), float(iou)) == (score, score)
