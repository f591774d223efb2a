"""What a run scored on each test case, where a metric is the mean of such scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.report.results import StudyResults, TrialResult
from trainables.segmentation.file_names import CASES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_PREDICTIONS = "predictions.parquet"
_OVERLAPS = ("dice", "iou", "dice_net", "iou_net")
_NONEMPTY = "_nonempty"


def case_scores(results: StudyResults, trial: TrialResult, metric: str) -> dict[str, float] | None:
    """Return domain and name of a case -> its score, whose mean over all cases is the metric.

    Returns:
        None where the run left no results per case, or the metric is no mean over them.

    Raises:
        TrackingError: the results are there and cannot be read.
    """
    split, _, measure = metric.rpartition("/")
    if split == "test" and f"test_all/{measure}" in trial.metrics:
        return None  # the test is a part of the cases that were left, which does not say which
    if measure == "accuracy":
        table = results.read_table(trial.run_id, _PREDICTIONS)
        found = None if table is None else _right(table, split, trial)
    elif measure.removesuffix(_NONEMPTY) in _OVERLAPS:
        table = results.read_table(trial.run_id, CASES)
        found = None if table is None else _column(table, measure, split)
    else:
        return None
    # What the split's name does not say (weights of cases, several crops) shows in the mean.
    if not found or not math.isclose(
        sum(found.values()) / len(found), trial.metrics[metric], abs_tol=1e-6
    ):
        return None
    return found


def _right(table: Any, split: str, trial: TrialResult) -> dict[str, float] | None:
    """Return 1 for every case that is classified right, 0 for the others."""
    rows = table.to_pydict()
    labels = rows["label"]
    if not labels or isinstance(labels[0], list):
        return None
    shifted = trial.config.get("shift_domains") or ()
    domain = split.removeprefix("test_shift/")
    return {
        f"{where}/{case}": float(max(range(len(scores)), key=scores.__getitem__) == label)
        for where, case, scores, label in zip(
            rows["domain"], rows["id"], rows["logits"], labels, strict=True
        )
        if (where == domain if split.startswith("test_shift/") else where not in shifted)
    }


def _column(table: Any, measure: str, split: str) -> dict[str, float]:
    column = measure.removesuffix(_NONEMPTY)
    rows = table.select(["domain", "case", "empty_target", column]).to_pydict()
    domain = split.removeprefix("test/domain/")
    every = zip(rows["domain"], rows["case"], rows["empty_target"], rows[column], strict=True)
    return {
        f"{where}/{case}": float(score)
        for where, case, empty, score in every
        if (split == "test" or where == domain) and not (empty and column != measure)
    }
