"""Priors, heads, prompts and diversity against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import SGDClassifier

from trainables.concepts.diversity import diversity, diversity_as_released
from trainables.concepts.knobo_head import KnoboHead
from trainables.concepts.pcbm import PcbmHead, fit_sparse
from trainables.concepts.prior import prior_loss, prior_matrix
from trainables.concepts.zero_shot import class_scores
from trainables.errors import DatasetError

ANSWERS = {
    "Melanoma": {"blue?": "yes", "round?": "no", "old?": "unknown"},
    "melanoma": {"blue?": "no", "round?": "no", "old?": "yes"},
}


@pytest.mark.parametrize(
    ("weight", "prior", "expected"),
    [
        ([[0.5, -0.25, 0], [2, -3, 0.1]], [[1, -1, 0], [-1, -1, 1]], 0.6937115),
        ([[0, 1], [-1, 0]], [[1, -1], [-1, 1]], 1.0),
    ],
)
def test_prior_loss_of_known_weights(
    weight: list[list[float]], prior: list[list[float]], expected: float
) -> None:
    loss = prior_loss(torch.tensor(weight).float(), torch.tensor(prior).float())
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_the_prior_leaves_the_bias_alone() -> None:
    head = KnoboHead(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), prior_weight=2.0, seed=0)
    head.penalty().backward()
    assert head.bias.grad is None
    assert head.weight.grad is not None
    # The derivative of |tanh(w) - p| / 4 is -p (1 - tanh(w)^2) / 4, as |tanh(w)| < 1 = |p|.
    expected = -2 * head.prior_kc * (1 - head.weight.tanh() ** 2) / 4
    torch.testing.assert_close(head.weight.grad, expected.detach())
    assert set(head.state_dict()) == {"weight", "bias"}


def test_priors_are_looked_up_to_the_letter() -> None:
    matrix = prior_matrix(ANSWERS, ("melanoma", "Melanoma"), ("old?", "blue?", "round?"))
    assert matrix.tolist() == [[1, -1, -1], [0, 1, -1]]
    with pytest.raises(DatasetError, match="'MELANOMA'"):
        prior_matrix(ANSWERS, ("MELANOMA",), ("blue?",))
    with pytest.raises(DatasetError, match=r"'melanoma'.*'Blue\?'"):
        prior_matrix(ANSWERS, ("melanoma",), ("Blue?",))
    with pytest.raises(DatasetError, match="'perhaps'"):
        prior_matrix({"a": {"b": "perhaps"}}, ("a",), ("b",))


def test_rules_of_prompts_disagree_where_lengths_of_means_differ() -> None:
    picture = torch.tensor([[1.0, 0.0]])
    prompts = [
        torch.tensor([[0.8, 0.6], [0.8, -0.6]]),
        torch.tensor([[0.9, math.sqrt(0.19)], [0.75, math.sqrt(0.4375)]]),
    ]
    expected = {
        "mean_similarity": [0.8, 0.825],
        "mean_embedding": [1.0, 0.833],
        "max_similarity": [0.8, 0.9],
    }
    for rule, scores in expected.items():
        got = class_scores(picture, prompts, rule)  # type: ignore[arg-type]
        np.testing.assert_allclose(got[0].numpy(), scores, atol=5e-4)


def test_joint_pcbm_adds_two_linear_layers() -> None:
    head = PcbmHead(2, 3, 4, sparse=None, residual_l2=0.5, seed=0)
    x = torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
    weight = torch.cat([head.bottleneck.weight, head.residual.weight], dim=1)
    expected = x @ weight.T + head.bottleneck.bias + head.residual.bias
    torch.testing.assert_close(head(x), expected)
    squares = head.residual.weight.detach().square()
    torch.testing.assert_close(head.penalty().detach(), 0.5 * squares.sum() / 12)
    assert all(parameter.requires_grad for parameter in head.parameters())


def test_a_bottleneck_that_was_fitted_before_stays() -> None:
    sparse = torch.ones(2, 3), torch.zeros(2)
    head = PcbmHead(3, 4, 2, sparse=sparse, residual_l2=0.0, seed=0)
    assert [name for name, p in head.named_parameters() if p.requires_grad] == [
        "residual.weight",
        "residual.bias",
    ]
    assert head.bottleneck.weight.tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("classes", [2, 3])
def test_sparse_bottleneck_decides_as_scikit_learn(classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(90, 5, generator=generator)
    labels = np.arange(90) % classes
    scores[:, 0] += torch.from_numpy(3.0 * labels)
    weight, bias = fit_sparse(scores, labels, seed=1)
    model = SGDClassifier(
        loss="log_loss",
        penalty="elasticnet",
        alpha=1e-5,
        l1_ratio=0.99,
        max_iter=10_000,
        random_state=1,
    ).fit(scores.double().numpy(), labels)
    assert weight.shape == (classes, 5)
    decided = (scores @ weight.T + bias).argmax(dim=1)
    assert decided.tolist() == model.predict(scores.double().numpy()).tolist()


def test_diversity_is_the_mean_over_pairs() -> None:
    vectors = torch.randn(7, 4, generator=torch.Generator().manual_seed(0)).double()
    pairs = [
        1 - float(torch.cosine_similarity(vectors[i], vectors[j], dim=0))
        for i in range(7)
        for j in range(7)
        if i != j
    ]
    mean = sum(pairs) / len(pairs)
    assert diversity(vectors) == pytest.approx(mean)
    assert diversity_as_released(vectors) == pytest.approx(mean + (1 - mean) / 7)
    with pytest.raises(ValueError, match="two"):
        diversity(vectors[:1])


def test_diversity_of_equal_and_of_orthogonal_concepts() -> None:
    assert diversity(torch.ones(3, 2)) == pytest.approx(0)
    assert diversity(torch.eye(4)) == pytest.approx(1)
