"""Objectives of the baselines against their formulas, written as loops, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.config import seed_from
from trainables.context import Context, Locations
from trainables.engine.batches import ImageBatch
from trainables.generalisation.invariance import (
    Annealed,
    GroupDro,
    Matching,
    Mixup,
    irm_penalty,
    vrex_penalty,
)
from trainables.generalisation.moments import coral_distance, mmd_distance

Scored = list[tuple[Tensor, Tensor]]


class Flat(nn.Module):
    """A linear classifier of three pixels, in place of a backbone with a head."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def embed(self, x_nchw: Tensor) -> Tensor:
        return x_nchw.flatten(1)

    def forward(self, x_nchw: Tensor) -> Tensor:
        logits_nk: Tensor = self.head(self.embed(x_nchw))
        return logits_nk


@pytest.fixture
def network() -> Flat:
    torch.manual_seed(0)
    return Flat()


@pytest.fixture
def batches() -> list[ImageBatch]:
    generator = torch.Generator().manual_seed(1)
    return [
        ImageBatch(
            torch.randn(6, 3, 1, 1, generator=generator) + domain, (torch.arange(6) + domain) % 4
        )
        for domain in range(3)
    ]


@pytest.fixture
def context(locations: Locations) -> Context:
    return Context.local(locations.store, locations, seed=5)


def risks(network: Flat, batches: list[ImageBatch]) -> list[float]:
    return [functional.cross_entropy(network(b.x_nchw), b.labels).item() for b in batches]


def slope(logits_nk: Tensor, labels: Tensor) -> float:
    """Return the derivative of the risk in a factor of the logits at 1: mean of (p - y) . s."""
    residual_nk = torch.softmax(logits_nk, 1) - functional.one_hot(labels, logits_nk.shape[1])
    return float((residual_nk * logits_nk).sum(1).mean().detach())


def test_irm_penalty_is_the_product_of_the_slopes_of_two_halves(
    network: Flat, batches: list[ImageBatch]
) -> None:
    scored = [(network(batch.x_nchw), batch.labels) for batch in batches]
    expected = [slope(s[::2], y[::2]) * slope(s[1::2], y[1::2]) for s, y in scored]
    assert irm_penalty(scored).item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_irm_penalty_has_the_gradient_of_its_formula(
    network: Flat, batches: list[ImageBatch]
) -> None:
    batch = batches[0]
    irm_penalty([(network(batch.x_nchw), batch.labels)]).backward()
    grad = network.head.weight.grad
    assert grad is not None
    weight, eps = network.head.weight, 1e-3
    with torch.no_grad():
        values = []
        for change in (eps, -2 * eps):
            weight[0, 0] += change
            logits_nk = network(batch.x_nchw)
            halves = [slope(logits_nk[i::2], batch.labels[i::2]) for i in (0, 1)]
            values.append(halves[0] * halves[1])
    assert float(grad[0, 0]) == pytest.approx((values[0] - values[1]) / (2 * eps), rel=2e-2)


def test_vrex_penalty_is_the_variance_of_the_risks(
    network: Flat, batches: list[ImageBatch]
) -> None:
    scored = [(network(batch.x_nchw), batch.labels) for batch in batches]
    assert vrex_penalty(scored).item() == pytest.approx(np.var(risks(network, batches)), rel=1e-4)
    assert vrex_penalty(scored[:1]).item() == 0


@pytest.mark.parametrize(("step", "weight"), [(0, 1.0), (6, 1.0), (7, 50.0), (8, 50.0)])
def test_penalties_count_once_until_they_are_annealed(
    network: Flat, batches: list[ImageBatch], context: Context, step: int, weight: float
) -> None:
    objective = Annealed(vrex_penalty, 50.0, 7, context)
    expected = np.mean(risks(network, batches)) + weight * np.var(risks(network, batches))
    assert float(objective(network, batches, step)) == pytest.approx(expected, rel=1e-4)
    assert objective.restart_step == 7


def test_group_dro_raises_the_weights_of_domains_that_do_badly(
    network: Flat, batches: list[ImageBatch], context: Context
) -> None:
    objective = GroupDro(0.5, 3, context)
    weight = [1.0, 1.0, 1.0]
    values = risks(network, batches)
    for step in range(2):
        got = float(objective(network, batches, step))
        weight = [w * math.exp(0.5 * risk) for w, risk in zip(weight, values, strict=True)]
        weight = [w / sum(weight) for w in weight]
        expected = sum(w * risk for w, risk in zip(weight, values, strict=True))
        assert got == pytest.approx(expected, rel=1e-5)
    assert objective.weight_d.tolist() == pytest.approx(weight, rel=1e-5)
    assert int(objective.weight_d.argmax()) == int(np.argmax(values))
    assert "weight_d" in objective.state_dict()


def test_mixup_mixes_each_domain_with_the_next_of_a_random_round(
    network: Flat, batches: list[ImageBatch], context: Context
) -> None:
    rng = np.random.default_rng(seed_from(context.seed, "mixup", 3))
    order = rng.permutation(3)
    total = 0.0
    for place in range(3):
        a, b = batches[order[place]], batches[order[(place + 1) % 3]]
        share = rng.beta(0.2, 0.2)
        mixed = torch.stack(
            [share * p + (1 - share) * q for p, q in zip(a.x_nchw, b.x_nchw, strict=True)]
        )
        log_p = torch.log_softmax(network(mixed), 1)
        for i in range(6):
            total -= share * float(log_p[i, a.labels[i]])
            total -= (1 - share) * float(log_p[i, b.labels[i]])
    got = Mixup(0.2, context)(network, batches, 3)
    assert float(got) == pytest.approx(total / 18, rel=1e-5)
    assert float(got) != float(Mixup(0.2, context)(network, batches, 4))


def test_mmd_equals_a_loop_over_pairs(batches: list[ImageBatch]) -> None:
    one, other = batches[0].x_nchw.flatten(1), batches[1].x_nchw.flatten(1)

    def mean_kernel(left: Tensor, right: Tensor) -> float:
        values = [
            sum(math.exp(-g * float((x - y).pow(2).sum())) for g in 10.0 ** np.arange(-3, 4))
            for x in left
            for y in right
        ]
        return float(np.mean(values))

    expected = mean_kernel(one, one) + mean_kernel(other, other) - 2 * mean_kernel(one, other)
    assert float(mmd_distance(one, other)) == pytest.approx(expected, rel=1e-3)


def test_coral_compares_means_and_covariances(batches: list[ImageBatch]) -> None:
    one, other = batches[0].x_nchw.flatten(1), batches[1].x_nchw.flatten(1)
    means = np.mean((one.mean(0) - other.mean(0)).numpy() ** 2)
    covariances = np.cov(one.numpy().T) - np.cov(other.numpy().T)
    assert float(coral_distance(one, other)) == pytest.approx(
        means + np.mean(covariances**2), rel=1e-4
    )


@pytest.mark.parametrize("distance", [mmd_distance, coral_distance])
def test_matching_adds_the_mean_distance_of_all_pairs(
    network: Flat, batches: list[ImageBatch], context: Context, distance: object
) -> None:
    assert callable(distance)
    feats = [network.embed(batch.x_nchw) for batch in batches]
    pairs = [(0, 1), (0, 2), (1, 2)]
    apart = np.mean([float(distance(feats[i], feats[j])) for i, j in pairs])
    got = Matching(distance, 2.0, context)(network, batches, 0)
    assert float(got) == pytest.approx(np.mean(risks(network, batches)) + 2 * apart, rel=1e-4)


@pytest.mark.parametrize("distance", [mmd_distance, coral_distance])
def test_equal_samples_are_at_distance_zero(distance: object) -> None:
    assert callable(distance)
    feats = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    assert float(distance(feats, feats.clone())) == pytest.approx(0, abs=1e-6)


def test_a_single_domain_leaves_the_risk(
    network: Flat, batches: list[ImageBatch], context: Context
) -> None:
    expected = pytest.approx(risks(network, batches[:1])[0], rel=1e-5)
    assert float(Matching(mmd_distance, 1.0, context)(network, batches[:1], 0)) == expected
    assert float(GroupDro(0.1, 1, context)(network, batches[:1], 0)) == expected
    assert float(Annealed(vrex_penalty, 10.0, 0, context)(network, batches[:1], 0)) == expected
