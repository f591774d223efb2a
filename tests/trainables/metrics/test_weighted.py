"""Metrics of weighted cases, against the same cases repeated as often as they count."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from trainables.data.card import Task
from trainables.metrics import weighted
from trainables.metrics.classification import probability_metrics
from trainables.metrics.weighted import weighted_label_metric, weighted_metric

NAMES = (
    *("accuracy", "balanced_accuracy", "recall_macro", "precision_macro"),
    *("macro_f1", "macro_f1_fixed", "weighted_f1", "kappa", "cohen_kappa", "auc", "roc_auc"),
)


def _draw(classes: int, n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities with equal values among them, and labels, some classes rare."""
    rng = np.random.default_rng(classes)
    labels = rng.binomial(classes - 1, 0.4, n)
    return softmax(np.round(rng.normal(size=(n, classes)), 1), axis=1), labels


def _weights(n: int) -> np.ndarray:
    """Return resamples of n cases; of few cases, so that classes get lost and calls coincide."""
    rng = np.random.default_rng(n)
    resamples = (*rng.integers(n, size=(8, 3)), *rng.integers(n, size=(8, n)))
    return np.array([np.bincount(row, minlength=n) for row in resamples], dtype=float)


def _repeated(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, task: Task
) -> list[dict[str, float]]:
    cases = [np.repeat(np.arange(len(labels)), row) for row in weights.astype(int)]
    return [probability_metrics(probabilities[rows], labels[rows], task) for rows in cases]


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_weight_counts_a_case_so_often(classes: int) -> None:
    probabilities, labels = _draw(classes)
    weights = _weights(len(labels))
    expected = _repeated(probabilities, labels, weights, "multiclass")
    for name in NAMES:
        metric = weighted_metric(name, probabilities, labels, classes=classes)
        assert metric is not None
        values = np.array([row[name] for row in expected])
        assert metric(weights) == pytest.approx(values, abs=1e-12, nan_ok=True), name


def test_a_weight_counts_a_case_of_several_labels_so_often() -> None:
    rng = np.random.default_rng(4)
    probabilities = expit(np.round(rng.normal(size=(20, 3)), 1))
    labels = (rng.random((20, 3)) < [0.5, 0.2, 0.0]).astype(int)
    weights = _weights(20)
    expected = _repeated(probabilities, labels, weights, "multilabel")
    for name in expected[0]:
        metric = weighted_label_metric(name, probabilities, labels)
        assert metric is not None, name
        values = np.array([row[name] for row in expected])
        assert metric(weights) == pytest.approx(values, abs=1e-12, nan_ok=True), name


def test_what_is_not_known_is_none() -> None:
    probabilities, labels = _draw(2)
    assert weighted_metric("mean_ap", probabilities, labels, classes=2) is None
    assert weighted_label_metric("weighted_f1", probabilities, np.eye(24, 2)) is None


def test_areas_of_many_cases_are_drawn_as_those_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 5,000 cases on an area is linear in the weights; with and without agree."""
    rng = np.random.default_rng(0)
    n = 5_000
    labels = (rng.random((n, 2)) < [0.1, 0.3]).astype(int)
    probabilities = np.round(expit(rng.normal(labels * 1.5)), 2)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=200).astype(float)
    for name in ("auc", "roc_auc"):
        monkeypatch.setattr(weighted, "_MANY", n)
        linear = weighted_label_metric(name, probabilities, labels)
        monkeypatch.setattr(weighted, "_MANY", n + 1)
        exact = weighted_label_metric(name, probabilities, labels)
        assert linear is not None
        assert exact is not None
        ones = np.ones((1, n))
        assert linear(ones) == pytest.approx(exact(ones), abs=1e-12)
        one, other = linear(weights), exact(weights)
        assert one.std() == pytest.approx(other.std(), rel=0.01)
        assert 1e-6 < np.abs(one - other).mean() < other.std() / 10, "two ways, nearly equal"
