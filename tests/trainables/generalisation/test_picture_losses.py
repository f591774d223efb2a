"""Losses per picture against loops over pictures."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from trainables.errors import ConfigError
from trainables.generalisation.config import LossConfig
from trainables.generalisation.losses import PictureLoss, ordinal_targets

WEIGHTS = (0.5, 1.0, 1.0, 1.0, 1.0)


@pytest.fixture
def scored() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(17, 5, generator=generator), torch.arange(17) % 5


def test_the_default_is_the_cross_entropy(scored: tuple[torch.Tensor, torch.Tensor]) -> None:
    loss = PictureLoss(LossConfig(), classes=5)(*scored)
    torch.testing.assert_close(loss, functional.cross_entropy(*scored))


@pytest.mark.parametrize("weights", [(), WEIGHTS])
def test_focal_loss_equals_its_formula(
    scored: tuple[torch.Tensor, torch.Tensor], weights: tuple[float, ...]
) -> None:
    config = LossConfig(name="focal", class_weights=weights)
    total = 0.0
    for logits, label in zip(*scored, strict=True):
        p = float(torch.softmax(logits, 0)[label])
        alpha = weights[int(label)] if weights else 1.0
        total += -alpha * (1 - p) ** 2 * math.log(p)
    assert float(PictureLoss(config, 5)(*scored)) == pytest.approx(total / 17, rel=1e-5)


def test_weights_scale_pictures_and_not_the_mean(
    scored: tuple[torch.Tensor, torch.Tensor],
) -> None:
    logits, labels = scored
    each = functional.cross_entropy(logits, labels, reduction="none")
    expected = sum(WEIGHTS[int(y)] * float(loss) for y, loss in zip(labels, each, strict=True))
    got = PictureLoss(LossConfig(class_weights=WEIGHTS), 5)(logits, labels)
    assert float(got) == pytest.approx(expected / 17, rel=1e-5)


def test_ordinal_targets_fall_off_as_a_normal_density() -> None:
    for i, row in enumerate(ordinal_targets(5, 0.5).tolist()):
        density = [math.exp(-((i - j) ** 2) / (2 * 0.5**2)) for j in range(5)]
        assert row == pytest.approx([value / sum(density) for value in density])
    # The row of a middle class, as the released code tabulates it to a few digits.
    assert ordinal_targets(5, 0.5)[2].tolist() == pytest.approx(
        [0.000264, 0.106451, 0.786570, 0.106451, 0.000264], abs=1e-6
    )


def test_ordinal_smoothing_is_a_cross_entropy_against_its_row(
    scored: tuple[torch.Tensor, torch.Tensor],
) -> None:
    logits, labels = scored
    rows = ordinal_targets(5, 0.5)
    expected = -sum(
        float((rows[y] * torch.log_softmax(x, 0)).sum())
        for x, y in zip(logits, labels, strict=True)
    )
    got = PictureLoss(LossConfig(name="ordinal_smoothing"), 5)(logits, labels)
    assert float(got) == pytest.approx(expected / 17, rel=1e-5)


def test_weights_of_another_number_of_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match="5 numbers for 3 classes"):
        PictureLoss(LossConfig(class_weights=WEIGHTS), classes=3)


@pytest.mark.parametrize(
    "wrong",
    [{"name": "hinge"}, {"class_weights": (-1.0,)}, {"focal_gamma": -1.0}, {"smoothing_sd": 0.0}],
)
def test_impossible_losses_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        LossConfig(**wrong)  # type: ignore[arg-type]
