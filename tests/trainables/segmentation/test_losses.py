"""Losses against recorded values of the released code, and against plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from trainables.errors import ConfigError
from trainables.segmentation.config import LossConfig
from trainables.segmentation.losses import (
    case_losses,
    channel_entropy,
    mean_loss,
    soft_dice,
    tuned_dice,
)

ATOL = 1e-6
SINGLE = [
    "basic_b2",
    "rect_b3",
    "one_empty_target",
    "all_empty_target_confident_negative",
    "soft_target_jpeg_like",
]


@pytest.fixture
def case(golden: Callable[[str], Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    (found,) = [c for c in golden("losses")["cases"] if c["name"] == request.param]
    return dict(found)


def total(logits: Tensor, target: Tensor, config: LossConfig) -> Tensor:
    return mean_loss(*case_losses(logits, target, config))


@pytest.mark.parametrize("case", SINGLE, indirect=True)
def test_dice_ce_of_one_channel_is_dice_alone_with_its_gradient(case: dict[str, Any]) -> None:
    logits = torch.tensor(case["logits"], requires_grad=True)
    loss = total(logits, torch.tensor(case["target"]), LossConfig())
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(case["total"], abs=ATOL)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor(case["grad_logits"]), atol=ATOL, rtol=0)


@pytest.mark.parametrize("case", SINGLE, indirect=True)
def test_dice_ce_logits_takes_probabilities_for_logits(case: dict[str, Any]) -> None:
    logits, target = torch.tensor(case["logits"]), torch.tensor(case["target"])
    loss = total(logits, target, LossConfig(name="dice_ce_logits"))
    assert loss.item() == pytest.approx(case["total_if_bce_branch"], abs=ATOL)
    entropy = total(logits, target, LossConfig(name="dice_ce_logits", lambda_dice=0, lambda_ce=1))
    assert entropy.item() == pytest.approx(case["bce_logits_on_prob"], abs=ATOL)


@pytest.mark.parametrize("case", ["multi_channel_onehot_target"], indirect=True)
def test_dice_ce_of_several_channels_has_a_cross_entropy_of_probabilities(
    case: dict[str, Any],
) -> None:
    prob, target = torch.tensor(case["prob"]), torch.tensor(case["target"])
    assert soft_dice(prob, target).mean().item() == pytest.approx(case["dice_term"], abs=ATOL)
    assert channel_entropy(prob, target).mean().item() == pytest.approx(case["ce_term"], abs=ATOL)
    loss = total(prob.logit(), target, LossConfig())
    assert loss.item() == pytest.approx(case["total"], abs=ATOL)


@pytest.mark.parametrize("case", ["bce_prob"], indirect=True)
def test_dice_bce_has_the_cross_entropy_of_probabilities(case: dict[str, Any]) -> None:
    prob, target = torch.tensor(case["prob"]), torch.tensor(case["target"])
    config = LossConfig(name="dice_bce", lambda_dice=0, lambda_ce=1)
    assert total(prob.logit(), target, config).item() == pytest.approx(case["total"], abs=ATOL)


@pytest.mark.parametrize("case", ["tuned_c1", "tuned_c4_some_planes_absent"], indirect=True)
@pytest.mark.parametrize("empty", ["skip", "nan"])
def test_tuned_dice_is_over_the_planes_that_show_something(
    case: dict[str, Any], empty: Any
) -> None:
    prob = torch.tensor(case["prob"], requires_grad=True)
    loss = mean_loss(*tuned_dice(prob, torch.tensor(case["target"]), empty))
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(case["total"], abs=ATOL)
    assert prob.grad is not None
    torch.testing.assert_close(prob.grad, torch.tensor(case["grad_prob"]), atol=ATOL, rtol=0)


@pytest.mark.parametrize(
    "case",
    ["tuned_soft_plane_ignored_gives_nan", "tuned_sample_without_foreground_gives_nan"],
    indirect=True,
)
def test_tuned_dice_is_undefined_as_released_and_defined_otherwise(case: dict[str, Any]) -> None:
    prob, target = torch.tensor(case["prob"]), torch.tensor(case["target"])
    assert math.isnan(mean_loss(*tuned_dice(prob, target, "nan")))
    assert math.isfinite(mean_loss(*tuned_dice(prob, target, "skip")))


def test_a_case_without_foreground_is_left_out_of_tuned_dice() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(3, 1, 4, 4), torch.randint(0, 2, (3, 1, 4, 4)).float()
    target[1] = 0
    config = LossConfig(name="tuned_dice")
    loss_n, counted_n = case_losses(logits, target, config)
    assert counted_n.tolist() == [1, 0, 1]
    kept = total(logits[[0, 2]], target[[0, 2]], config)
    torch.testing.assert_close(mean_loss(loss_n, counted_n), kept)


def test_a_batch_without_any_foreground_has_no_tuned_dice_and_no_gradient() -> None:
    logits = torch.randn(2, 1, 4, 4, requires_grad=True)
    loss = total(logits, torch.zeros(2, 1, 4, 4), LossConfig(name="tuned_dice"))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("name", ["dice_ce", "dice_ce_logits", "dice_bce", "tuned_dice"])
def test_the_mean_over_cases_is_that_of_cases_alone(name: Any) -> None:
    torch.manual_seed(1)
    logits, target = torch.randn(4, 2, 5, 3), torch.randint(0, 2, (4, 2, 5, 3)).float()
    config = LossConfig(name=name)
    alone = [total(logits[i : i + 1], target[i : i + 1], config) for i in range(4)]
    torch.testing.assert_close(total(logits, target, config), torch.stack(alone).mean())


def test_dice_bce_equals_the_two_losses_added() -> None:
    torch.manual_seed(2)
    logits, target = torch.randn(2, 1, 6, 6), torch.rand(2, 1, 6, 6)
    loss = total(logits, target, LossConfig(name="dice_bce", lambda_dice=0.7, lambda_ce=0.3))
    p = logits.sigmoid()
    dice = [
        1 - (2 * (q * y).sum() + 1e-5) / (q.sum() + y.sum() + 1e-5)
        for q, y in zip(p, target, strict=True)
    ]
    expected = 0.7 * torch.stack(dice).mean() + 0.3 * functional.binary_cross_entropy(p, target)
    torch.testing.assert_close(loss, expected)


def test_large_planes_do_not_overflow_half_precision() -> None:
    logits = torch.full((1, 1, 352, 352), 8.0, dtype=torch.float16)
    assert total(logits, torch.ones(1, 1, 352, 352), LossConfig()).item() == pytest.approx(
        1
        - 2
        * torch.sigmoid(torch.tensor(8.0)).item()
        / (1 + torch.sigmoid(torch.tensor(8.0)).item()),
        abs=1e-5,
    )


@pytest.mark.parametrize(
    "values", [{"name": "dice"}, {"empty": "ignore"}, {"lambda_ce": -1}, {"lambda_dice": math.inf}]
)
def test_unknown_losses_are_refused(values: Any) -> None:
    with pytest.raises(ConfigError, match="loss"):
        LossConfig(**values)
