"""Metrics against scikit-learn and by hand, and the cases scikit-learn leaves open."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as sk

from trainables.data.card import Task
from trainables.metrics.classification import classification_metrics, probability_metrics


def random_case(cases: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, cases)
    labels[:classes] = np.arange(classes)
    logits = rng.normal(size=(cases, classes)) + 1.5 * np.eye(classes)[labels]
    return logits, labels


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [3, 5])
def test_multiclass_equals_scikit_learn(classes: int, seed: int) -> None:
    logits, labels = random_case(61, classes, seed)
    predicted = logits.argmax(axis=1)
    got = classification_metrics(logits, labels)
    assert got == pytest.approx(
        {
            "accuracy": sk.accuracy_score(labels, predicted),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
            "macro_f1": sk.f1_score(labels, predicted, average="macro"),
            "macro_f1_fixed": sk.f1_score(labels, predicted, average="macro"),
            "weighted_f1": sk.f1_score(labels, predicted, average="weighted"),
            "kappa": sk.cohen_kappa_score(labels, predicted, weights="quadratic"),
            "auc": sk.roc_auc_score(labels, softmax(logits, axis=1), multi_class="ovr"),
            "precision_macro": sk.precision_score(labels, predicted, average="macro"),
            "recall_macro": sk.recall_score(labels, predicted, average="macro"),
            "cohen_kappa": sk.cohen_kappa_score(labels, predicted),
            "roc_auc": sk.roc_auc_score(labels, softmax(logits, axis=1), multi_class="ovo"),
        }
    )


def test_f1_over_all_classes_counts_one_without_a_case() -> None:
    # Messidor has no picture of grade 4: the macro F1 of a perfect grader is 0.8 there.
    labels = np.arange(60) % 4
    predicted = np.where(np.arange(60) < 10, (labels + 1) % 4, labels)
    got = classification_metrics(np.eye(5)[predicted], labels)
    fixed = {"labels": range(5), "zero_division": 0}
    assert got["macro_f1_fixed"] == pytest.approx(
        sk.f1_score(labels, predicted, average="macro", **fixed)
    )
    assert got["weighted_f1"] == pytest.approx(
        sk.f1_score(labels, predicted, average="weighted", **fixed)
    )
    assert got["macro_f1_fixed"] == pytest.approx(0.8 * got["macro_f1"])
    assert classification_metrics(np.eye(5)[labels], labels)["macro_f1_fixed"] == 0.8


def test_binary_auc_is_that_of_the_second_class() -> None:
    logits, labels = random_case(40, 2, 0)
    expected = sk.roc_auc_score(labels, logits[:, 1] - logits[:, 0])
    assert classification_metrics(logits, labels)["auc"] == pytest.approx(expected)


def test_multilabel_equals_the_mean_over_labels() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (50, 4))
    logits = rng.normal(size=(50, 4)) + labels
    chosen = (expit(logits) >= 0.5).astype(int)
    got = classification_metrics(logits, labels.astype(np.float32), "multilabel")
    columns = range(4)
    assert got == pytest.approx(
        {
            "accuracy": (chosen == labels).mean(),
            "balanced_accuracy": np.mean(
                [sk.balanced_accuracy_score(labels[:, c], chosen[:, c]) for c in columns]
            ),
            "macro_f1": sk.f1_score(labels, chosen, average="macro"),
            "kappa": np.mean([sk.cohen_kappa_score(labels[:, c], chosen[:, c]) for c in columns]),
            "auc": sk.roc_auc_score(labels, expit(logits), average="macro"),
            "precision_macro": sk.precision_score(labels, chosen, average="macro"),
            "recall_macro": sk.recall_score(labels, chosen, average="macro"),
            "subset_accuracy": sk.accuracy_score(labels, chosen),
            "roc_auc": sk.roc_auc_score(labels, expit(logits), average="macro"),
            "mean_ap": sk.average_precision_score(labels, expit(logits), average="macro"),
        },
        abs=1e-9,
    )


def test_perfect_and_reversed_order_give_kappa_of_one_and_minus_one() -> None:
    labels = np.array([0, 1, 0, 1])
    perfect = np.eye(2)[labels]
    assert classification_metrics(perfect, labels)["kappa"] == pytest.approx(1)
    assert classification_metrics(-perfect, labels)["kappa"] == pytest.approx(-1)


def test_auc_is_the_mean_over_the_classes_that_occur() -> None:
    logits, labels = random_case(40, 4, 2)
    labels[labels == 3] = 0
    p = softmax(logits, axis=1)
    expected = np.mean([sk.roc_auc_score(labels == c, p[:, c]) for c in range(3)])
    assert classification_metrics(logits, labels)["auc"] == pytest.approx(expected)


def test_one_class_only_leaves_auc_and_kappa_undefined() -> None:
    labels = np.zeros(6, dtype=int)
    got = classification_metrics(np.tile([2.0, 0.0, 0.0], (6, 1)), labels)
    assert got["accuracy"] == got["balanced_accuracy"] == got["macro_f1"] == 1
    assert math.isnan(got["auc"])
    assert math.isnan(got["kappa"])


def test_absent_class_that_is_predicted_counts_in_f1_but_not_in_recall() -> None:
    labels = np.array([0, 0, 1, 1])
    logits = np.eye(3)[[0, 0, 1, 2]]
    got = classification_metrics(logits, labels)
    assert got["balanced_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert got["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_label_without_positives_is_left_out_of_multilabel_auc() -> None:
    labels = np.array([[0, 0], [1, 0], [1, 0]], dtype=np.float32)
    logits = np.array([[-1.0, -1.0], [1.0, -1.0], [2.0, -1.0]])
    assert classification_metrics(logits, labels, "multilabel")["auc"] == 1.0


@pytest.mark.filterwarnings("error")
def test_edge_cases_raise_no_warnings() -> None:
    classification_metrics(np.eye(3)[[0, 0]], np.array([1, 1]))
    classification_metrics(np.array([[-1.0, 1.0]]), np.array([[0.0, 0.0]]), "multilabel")


@pytest.mark.parametrize(
    ("logits", "labels", "task"),
    [
        (np.zeros((0, 3)), np.zeros(0), "multiclass"),
        (np.zeros((2, 3)), np.zeros(3), "multiclass"),
        (np.zeros((2, 3)), np.zeros((2, 2)), "multilabel"),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(
    logits: np.ndarray, labels: np.ndarray, task: str
) -> None:
    with pytest.raises(ValueError, match=r"shape|do not make"):
        classification_metrics(logits, labels, task)  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_probabilities_have_the_metrics_of_their_logits(task: Task) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(30, 4))
    labels = rng.integers(0, 4, 30) if task == "multiclass" else rng.integers(0, 2, (30, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if task == "multilabel":
        probabilities = 1 / (1 + np.exp(-logits))
    expected = classification_metrics(logits, labels, task)
    assert probability_metrics(probabilities, labels, task) == pytest.approx(expected, rel=1e-12)


def test_equal_shares_of_votes_are_ties() -> None:
    # By hand: of the four pairs of a positive and a negative, two are right and two are equal.
    shares = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.25, 0.75]])
    assert probability_metrics(shares, np.array([0, 0, 1, 1]))["roc_auc"] == 0.75
