"""Neighbour votes against scikit-learn and against a loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from trainables.analyses import knn
from trainables.analyses.knn import knn_votes
from trainables.errors import ConfigError


@pytest.fixture
def case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (80,), generator=rng)
    stored = torch.randn(80, 6, generator=rng) + 2 * torch.eye(6)[labels]
    return stored, labels, torch.randn(33, 6, generator=rng)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_plain_votes_equal_scikit_learn_on_normalised_features(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], k: int
) -> None:
    stored, labels, query = case
    reference = KNeighborsClassifier(n_neighbors=k).fit(normalize(stored.numpy()), labels.numpy())
    expected = reference.predict_proba(normalize(query.numpy()))
    votes = knn_votes(stored, labels, query, k=k, classes=4)
    np.testing.assert_allclose(votes.numpy(), expected, atol=1e-6)
    assert (votes.argmax(dim=1).numpy() == reference.predict(normalize(query.numpy()))).all()


def test_weighted_votes_equal_a_loop(case: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    stored, labels, query = case
    votes = knn_votes(stored, labels, query, k=7, classes=4, temperature=0.07)
    for q, got in zip(query, votes, strict=True):
        cosine = [float(q @ s / q.norm() / s.norm()) for s in stored]
        nearest = sorted(range(len(cosine)), key=lambda i: -cosine[i])[:7]
        expected = np.zeros(4)
        for i in nearest:
            expected[int(labels[i])] += np.exp(cosine[i] / 0.07)
        np.testing.assert_allclose(got.numpy(), expected / expected.sum(), rtol=1e-3, atol=1e-6)


def test_tiny_temperature_does_not_overflow(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    stored, labels, query = case
    votes = knn_votes(stored, labels, query, k=5, classes=4, temperature=1e-4)
    nearest = knn_votes(stored, labels, query, k=1, classes=4)
    assert torch.allclose(votes, nearest, atol=1e-3)


def test_chunks_do_not_change_the_votes(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, labels, query = case
    whole = knn_votes(stored, labels, query, k=5, classes=4)
    monkeypatch.setattr(knn, "_CHUNK", 10)
    assert torch.equal(whole, knn_votes(stored, labels, query, k=5, classes=4))


@pytest.mark.parametrize("k", [0, 81])
def test_impossible_k_is_refused(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], k: int
) -> None:
    stored, labels, query = case
    with pytest.raises(ConfigError, match="80 training cases"):
        knn_votes(stored, labels, query, k=k, classes=4)
