"""Classification metrics, thin over scikit-learn, with defined values where it gives up.

Legend: n cases, k classes. Rules for what is not decided by the definitions:

* a class without a case has no recall and no AUC: the means are over the classes that have them;
* F1 counts the classes that occur in the labels or in the predictions;
* AUC is NaN when no class has both positive and negative cases;
* kappa is NaN when labels and predictions are one and the same class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.metrics import f1_score, recall_score, roc_auc_score

from trainables.data.card import Task

Array = NDArray[Any]


def classification_metrics(
    logits_nk: ArrayLike, labels: ArrayLike, task: Task = "multiclass"
) -> dict[str, float]:
    """Return accuracy, balanced_accuracy, macro_f1, kappa (quadratic weights) and auc.

    Args:
        logits_nk: scores before softmax (multiclass) or sigmoid (multilabel).
        labels: class numbers (n) or, for multilabel, zeros and ones (n, k). Multilabel metrics
            are means over the labels, each a binary decision at 0.5; F1 is of the positives.

    Raises:
        ValueError: no cases, or shapes that do not belong together.
    """
    logits = np.asarray(logits_nk, dtype=np.float64)
    truth = np.asarray(labels)
    if logits.ndim != 2 or len(logits) == 0 or len(truth) != len(logits):
        raise ValueError(f"logits {logits.shape} and labels {truth.shape} do not make a test")
    if task == "multiclass":
        return _multiclass(softmax(logits, axis=1), truth.astype(np.int64))
    if truth.shape != logits.shape:
        raise ValueError(f"multilabel labels {truth.shape} must be shaped as logits {logits.shape}")
    return _multilabel(expit(logits), truth.astype(np.int64))


def quadratic_kappa(truth: Array, predicted: Array, classes: int) -> float:
    """Return Cohen's kappa with quadratic weights, NaN when both sides are one same class."""
    observed = np.zeros((classes, classes))
    np.add.at(observed, (truth, predicted), 1)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    weight = (np.arange(classes)[:, None] - np.arange(classes)[None, :]) ** 2
    chance = float((weight * expected).sum())
    return float("nan") if chance == 0 else 1 - float((weight * observed).sum()) / chance


def macro_auc(probabilities_nk: Array, positive_nk: Array) -> float:
    """Return the mean one-against-rest area under the ROC curve of the decidable classes."""
    areas = [
        float(roc_auc_score(positive_n, probability_n))
        for probability_n, positive_n in zip(probabilities_nk.T, positive_nk.T, strict=True)
        if 0 < positive_n.sum() < len(positive_n)
    ]
    return float(np.mean(areas)) if areas else float("nan")


def _multiclass(probabilities_nk: Array, truth: Array) -> dict[str, float]:
    classes = probabilities_nk.shape[1]
    predicted = probabilities_nk.argmax(axis=1)
    if classes == 2:
        # The two one-against-rest curves of a binary task are each other's mirror image.
        auc = macro_auc(probabilities_nk[:, 1:], truth[:, None] == 1)
    else:
        auc = macro_auc(probabilities_nk, truth[:, None] == np.arange(classes))
    return {**_decisions(truth, predicted, classes), "auc": auc}


def _multilabel(probabilities_nk: Array, truth_nk: Array) -> dict[str, float]:
    predicted_nk = (probabilities_nk >= 0.5).astype(np.int64)
    columns = zip(truth_nk.T, predicted_nk.T, strict=True)
    rows = [_decisions(truth, predicted, 2) for truth, predicted in columns]
    means = {name: _mean_of_defined([row[name] for row in rows]) for name in rows[0]}
    f1 = f1_score(truth_nk, predicted_nk, average="macro", zero_division=0)
    return {**means, "macro_f1": float(f1), "auc": macro_auc(probabilities_nk, truth_nk)}


def _decisions(truth: Array, predicted: Array, classes: int) -> dict[str, float]:
    present = np.unique(truth)
    recall = recall_score(truth, predicted, labels=present, average="macro", zero_division=0)
    return {
        "accuracy": float((truth == predicted).mean()),
        "balanced_accuracy": float(recall),
        "macro_f1": float(f1_score(truth, predicted, average="macro", zero_division=0)),
        "kappa": quadratic_kappa(truth, predicted, classes),
    }


def _mean_of_defined(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
