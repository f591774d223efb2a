"""Every metric against scikit-learn on many small draws, with ties, to twelve digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as sk

from trainables.metrics.classification import classification_metrics

EXACT = {"abs": 1e-12, "rel": 0.0}


def _draw(seed: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return logits with many equal values, and labels of which every class has a few."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, 40)])
    return np.round(rng.normal(size=(len(labels), classes)), 1), labels


@pytest.mark.parametrize("classes", [2, 3, 8])
@pytest.mark.parametrize("seed", range(8))
def test_metrics_of_classes(seed: int, classes: int) -> None:
    logits, labels = _draw(seed, classes)
    shares = softmax(logits, axis=1)
    predicted = shares.argmax(axis=1)
    among = {"labels": range(classes), "zero_division": 0}
    score = shares[:, 1] if classes == 2 else shares
    expected = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "macro_f1": sk.f1_score(labels, predicted, average="macro"),
        "macro_f1_fixed": sk.f1_score(labels, predicted, average="macro", **among),
        "weighted_f1": sk.f1_score(labels, predicted, average="weighted", **among),
        "kappa": sk.cohen_kappa_score(labels, predicted, weights="quadratic"),
        "cohen_kappa": sk.cohen_kappa_score(labels, predicted),
        "precision_macro": sk.precision_score(labels, predicted, average="macro", zero_division=0),
        "recall_macro": sk.recall_score(labels, predicted, average="macro", zero_division=0),
        "auc": sk.roc_auc_score(labels, score, multi_class="ovr", average="macro"),
        "roc_auc": sk.roc_auc_score(labels, score, multi_class="ovo", average="macro"),
    }
    assert classification_metrics(logits, labels) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize("seed", range(8))
def test_metrics_of_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=(30, 5)), 1)
    truth = (rng.random((30, 5)) < 0.3).astype(int)
    truth[0], truth[1] = 1, 0
    shares, predicted = expit(logits), (expit(logits) > 0.5).astype(int)
    macro = {"average": "macro", "zero_division": 0}
    got = classification_metrics(logits, truth, "multilabel")
    expected = {
        "accuracy": (truth == predicted).mean(),
        "subset_accuracy": sk.accuracy_score(truth, predicted),
        "precision_macro": sk.precision_score(truth, predicted, **macro),
        "recall_macro": sk.recall_score(truth, predicted, **macro),
        "macro_f1": sk.f1_score(truth, predicted, **macro),
        "auc": sk.roc_auc_score(truth, shares, average="macro"),
        "roc_auc": sk.roc_auc_score(truth, shares, average="macro"),
        "mean_ap": sk.average_precision_score(truth, shares, average="macro"),
        "balanced_accuracy": np.mean(
            [sk.balanced_accuracy_score(truth[:, k], predicted[:, k]) for k in range(5)]
        ),
        "kappa": np.mean(
            [
                sk.cohen_kappa_score(truth[:, k], predicted[:, k], weights="quadratic")
                for k in range(5)
            ]
        ),
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected, **EXACT)
