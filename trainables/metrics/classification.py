"""Classification metrics, thin over scikit-learn, with defined values where it gives up.

Legend: n cases, k classes. Rules for what is not decided by the definitions:

* a class without a case has no recall and no AUC: balanced accuracy and ``auc`` are means over the
  classes that have them;
* F1, ``precision_macro`` and ``recall_macro`` count the classes that occur in the labels or in the
  predictions, at 0 where nothing is to be divided by; ``macro_f1_fixed`` counts every class, so a
  class without a case costs 1 / k;
* ``auc`` is NaN when no class has both positive and negative cases;
* ``roc_auc`` is what Matsoukas et al. (CVPR 2022) report: one against one for more than two
  classes, and 0.5 where it is undefined (a class without a case, a label with one value only);
* the kappas are NaN when labels and predictions are one and the same class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from trainables.data.card import Task

Array = NDArray[Any]


def classification_metrics(
    logits_nk: ArrayLike, labels: ArrayLike, task: Task = "multiclass"
) -> dict[str, float]:
    """Return the metrics of one task.

    All: accuracy, balanced_accuracy, macro_f1, kappa (quadratic weights), auc, precision_macro,
    recall_macro, roc_auc. Multiclass: cohen_kappa (no weights), macro_f1_fixed (mean over all
    classes), weighted_f1 (weighted by cases). Multilabel: subset_accuracy (every label right),
    mean_ap (average precision, 0 for a label without positives).

    Args:
        logits_nk: scores before softmax (multiclass) or sigmoid (multilabel).
        labels: class numbers (n) or, for multilabel, zeros and ones (n, k). Multilabel metrics
            are means over the labels, each positive above 0.5; F1, precision and recall are of
            the positives.

    Raises:
        ValueError: no cases, or shapes that do not belong together.
    """
    logits = np.asarray(logits_nk, dtype=np.float64)
    if logits.ndim != 2:
        raise ValueError(f"logits of shape {logits.shape} are not one row per case")
    probabilities = softmax(logits, axis=1) if task == "multiclass" else expit(logits)
    return probability_metrics(probabilities, labels, task)


def probability_metrics(
    probabilities_nk: ArrayLike, labels: ArrayLike, task: Task = "multiclass"
) -> dict[str, float]:
    """Return what :func:`classification_metrics` does, of probabilities such as shares of votes.

    Equal shares stay equal, also 0 and 1, which no logit can say.

    Raises:
        ValueError: no cases, or shapes that do not belong together.
    """
    probabilities = np.asarray(probabilities_nk, dtype=np.float64)
    truth = np.asarray(labels)
    if probabilities.ndim != 2 or len(probabilities) == 0 or len(truth) != len(probabilities):
        raise ValueError(
            f"scores {probabilities.shape} and labels {truth.shape} do not make a test"
        )
    if task == "multiclass":
        return _multiclass(probabilities, truth.astype(np.int64))
    if truth.shape != probabilities.shape:
        raise ValueError(
            f"multilabel labels {truth.shape} must be shaped as scores {probabilities.shape}"
        )
    return _multilabel(probabilities, truth.astype(np.int64))


def quadratic_kappa(truth: Array, predicted: Array, classes: int) -> float:
    """Return Cohen's kappa with quadratic weights, NaN when both sides are one same class."""
    apart = np.arange(classes)[:, None] - np.arange(classes)[None, :]
    return _kappa(truth, predicted, apart**2)


def cohen_kappa(truth: Array, predicted: Array, classes: int) -> float:
    """Return Cohen's kappa without weights, NaN when both sides are one same class."""
    return _kappa(truth, predicted, 1 - np.eye(classes))


def area(probability_n: Array, positive_n: Array) -> float:
    """Return the area under the ROC curve of two classes that both have cases.

    By ranks (Mann and Whitney), ties sharing theirs: scikit-learn's number without its curve, which
    matters where a network is scored layer by layer.
    """
    positive = positive_n.astype(bool)
    n, positives = len(positive), int(positive.sum())
    rank_sum = rankdata(probability_n)[positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * (n - positives)))


def macro_auc(probabilities_nk: Array, positive_nk: Array) -> float:
    """Return the mean one-against-rest area under the ROC curve of the decidable classes."""
    areas = [
        area(probability_n, positive_n)
        for probability_n, positive_n in zip(probabilities_nk.T, positive_nk.T, strict=True)
        if 0 < positive_n.sum() < len(positive_n)
    ]
    return float(np.mean(areas)) if areas else float("nan")


def decided_auc(probabilities_nk: Array, truth: Array) -> float:
    """Return the ROC-AUC of two classes, or of each pair of more, 0.5 when a class has no case."""
    classes = probabilities_nk.shape[1]
    if len(np.unique(truth)) < classes:
        return 0.5
    if classes == 2:
        return area(probabilities_nk[:, 1], truth == 1)
    pairs = [
        area(probabilities_nk[chosen, a], truth[chosen] == a)
        for a in range(classes)
        for b in range(classes)
        if a != b
        for chosen in [(truth == a) | (truth == b)]
    ]
    return float(np.mean(pairs))


def _multiclass(probabilities_nk: Array, truth: Array) -> dict[str, float]:
    classes = probabilities_nk.shape[1]
    predicted = probabilities_nk.argmax(axis=1)
    if classes == 2:
        # The two one-against-rest curves of a binary task are each other's mirror image.
        auc = macro_auc(probabilities_nk[:, 1:], truth[:, None] == 1)
    else:
        auc = macro_auc(probabilities_nk, truth[:, None] == np.arange(classes))
    return {
        **_decisions(truth, predicted, classes),
        "cohen_kappa": cohen_kappa(truth, predicted, classes),
        "auc": auc,
        "roc_auc": decided_auc(probabilities_nk, truth),
    }


def _multilabel(probabilities_nk: Array, truth_nk: Array) -> dict[str, float]:
    predicted_nk = (probabilities_nk > 0.5).astype(np.int64)
    columns = list(zip(truth_nk.T, predicted_nk.T, strict=True))
    balanced = [_decisions(truth, predicted, 2) for truth, predicted in columns]
    kappas = [row["kappa"] for row in balanced]
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth_nk, predicted_nk, average="macro", zero_division=0
    )
    areas, precisions = zip(
        *(_ranking(p, t) for p, t in zip(probabilities_nk.T, truth_nk.T, strict=True)), strict=True
    )
    return {
        "accuracy": float((truth_nk == predicted_nk).mean()),
        "balanced_accuracy": float(np.mean([row["balanced_accuracy"] for row in balanced])),
        "kappa": _mean_of_defined(kappas),
        "precision_macro": float(precision),
        "recall_macro": float(recall),
        "macro_f1": float(f1),
        "subset_accuracy": float((truth_nk == predicted_nk).all(axis=1).mean()),
        "auc": macro_auc(probabilities_nk, truth_nk),
        "roc_auc": float(np.mean(areas)),
        "mean_ap": float(np.mean(precisions)),
    }


def _ranking(probability_n: Array, positive_n: Array) -> tuple[float, float]:
    """Return ROC-AUC and average precision of one label."""
    positives = int(positive_n.sum())
    if positives == 0:
        return 0.5, 0.0
    roc_auc = 0.5 if positives == len(positive_n) else area(probability_n, positive_n)
    return roc_auc, float(average_precision_score(positive_n, probability_n))


def _decisions(truth: Array, predicted: Array, classes: int) -> dict[str, float]:
    """Return what follows from the decided classes alone."""
    precision_k, recall_k, f1_k, cases_k = precision_recall_fscore_support(
        truth, predicted, labels=np.arange(classes), average=None, zero_division=0
    )
    occurs = np.union1d(truth, predicted)
    return {
        "accuracy": float((truth == predicted).mean()),
        "balanced_accuracy": float(recall_k[cases_k > 0].mean()),
        "precision_macro": float(precision_k[occurs].mean()),
        "recall_macro": float(recall_k[occurs].mean()),
        "macro_f1": float(f1_k[occurs].mean()),
        "macro_f1_fixed": float(f1_k.mean()),
        "weighted_f1": float((f1_k * cases_k).sum() / cases_k.sum()),
        "kappa": quadratic_kappa(truth, predicted, classes),
    }


def _kappa(truth: Array, predicted: Array, weight_kk: Array) -> float:
    observed = np.zeros(weight_kk.shape)
    np.add.at(observed, (truth, predicted), 1)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    chance = float((weight_kk * expected).sum())
    return float("nan") if chance == 0 else 1 - float((weight_kk * observed).sum()) / chance


def _mean_of_defined(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
