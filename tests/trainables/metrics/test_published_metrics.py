"""Metrics equal, to 3 decimals, what the published feature-reuse code reports."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trainables.metrics.classification import classification_metrics

# Their name -> ours.
MULTICLASS = {
    "accuracy": "accuracy",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "f1": "macro_f1",
    "cohen_kappa": "cohen_kappa",
    "quadratic_kappa": "kappa",
    "roc_auc": "roc_auc",
}
MULTILABEL = {
    "accuracy": "subset_accuracy",
    "mAP": "mean_ap",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "f1": "macro_f1",
    "roc_auc": "roc_auc",
}


def check(case: dict[str, Any], task: Any, names: dict[str, str]) -> None:
    logits = np.concatenate([batch["scores"] for batch in case["batches"]])
    labels = np.concatenate([batch["labels"] for batch in case["batches"]])
    got = classification_metrics(logits, labels, task)
    rounded = {f"test_{theirs}": round(got[ours], 3) for theirs, ours in names.items()}
    undefined = {name: math.nan for name, value in case["expected"].items() if value is None}
    assert rounded == pytest.approx(case["expected"] | undefined, abs=1e-12, nan_ok=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", range(8))
def test_multiclass_conforms(golden: Callable[[str], Any], number: int) -> None:
    check(golden("metrics_multiclass")["cases"][number], "multiclass", MULTICLASS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", range(4))
def test_multilabel_conforms(golden: Callable[[str], Any], number: int) -> None:
    check(golden("metrics_multilabel")["cases"][number], "multilabel", MULTILABEL)


def test_undecidable_areas_count_as_chance() -> None:
    """By hand: the first label ranks perfectly, the others have one value only."""
    labels = np.array([[0, 0, 1], [1, 0, 1], [1, 0, 1]], dtype=np.float32)
    logits = np.array([[-1.0, -1.0, 1.0], [1.0, -1.0, 1.0], [2.0, -1.0, 1.0]])
    got = classification_metrics(logits, labels, "multilabel")
    assert got["roc_auc"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert got["mean_ap"] == pytest.approx((1 + 0 + 1) / 3)
    assert got["subset_accuracy"] == 1
