"""A run's metric as a function of its test cases, where the run left results per case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.report.results import StudyResults, TrialResult
from trainables.segmentation.file_names import CASES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Floats = NDArray[np.float64]

_PREDICTIONS = "predictions.parquet"
_OVERLAPS = ("dice", "iou", "dice_net", "iou_net")
_NONEMPTY = "_nonempty"


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseMetric:
    """A metric of n test cases.

    Args:
        cases: domain and name of each, sorted, none twice.
        weigh: how often each case counts, for b resamples (b, n) -> the metric of each (b).
    """

    cases: tuple[str, ...]
    weigh: Callable[[Floats], Floats]

    @property
    def value(self) -> float:
        """The metric itself, with every case once."""
        import numpy as np

        return float(self.weigh(np.ones((1, len(self.cases))))[0])


def mean_metric(scores: Mapping[str, float]) -> CaseMetric:
    """Return the mean of scores, by case."""
    import numpy as np

    cases = tuple(sorted(scores))
    scores_n = np.array([scores[case] for case in cases])
    return CaseMetric(cases=cases, weigh=lambda weights: weights @ scores_n / weights.sum(axis=1))


def case_metric(results: StudyResults, trial: TrialResult, metric: str) -> CaseMetric | None:
    """Return a metric of a run over the cases it was tested on.

    Returns:
        None where the run left no results per case, or the metric does not follow from them.

    Raises:
        TrackingError: the results are there and cannot be read.
    """
    import numpy as np

    split, _, measure = metric.rpartition("/")
    if metric not in trial.metrics or not split.startswith("test"):
        return None
    if measure.removesuffix(_NONEMPTY) in _OVERLAPS:
        table = results.read_table(trial.run_id, CASES)
        found = None if table is None else _overlap(table, measure, split)
    else:
        table = results.read_table(trial.run_id, _PREDICTIONS)
        found = None if table is None else _classified(table, measure, split, trial)
    # What the split's name does not say (weights of cases, several crops) shows in the value.
    if found is None or not np.isclose(found.value, trial.metrics[metric], rtol=0, atol=1e-6):
        return None
    return found


def _classified(table: Any, measure: str, split: str, trial: TrialResult) -> CaseMetric | None:
    import numpy as np
    from scipy.special import expit, softmax

    from trainables.metrics.weighted import weighted_label_metric, weighted_metric

    tested = _tested(table, measure, split, trial)
    if tested is None:
        return None
    domains, names = table["domain"].to_pylist(), table["id"].to_pylist()
    cases = {f"{domains[row]}/{names[row]}": row for row in tested}
    if not cases:
        return None
    rows = [cases[case] for case in sorted(cases)]
    logits_nk = np.array(table["logits"].to_pylist(), dtype=np.float64)[rows]
    labels = np.array(table["label"].to_pylist())[rows]
    if labels.ndim == 1:
        weigh = weighted_metric(
            measure, softmax(logits_nk, axis=1), labels, classes=logits_nk.shape[1]
        )
    else:
        weigh = weighted_label_metric(measure, expit(logits_nk), labels)
    return None if weigh is None else CaseMetric(cases=tuple(sorted(cases)), weigh=weigh)


def _tested(table: Any, measure: str, split: str, trial: TrialResult) -> list[int] | None:
    """Return the rows that a split is of; None where that is not known."""
    family, _, domain = split.partition("/")
    part = family == "test" and f"test_all/{measure}" in trial.metrics
    if part and "tested" not in table.column_names:
        return None  # a part of the cases that were left, by a run that did not say which
    if family == "test_shift" and not domain:
        return None  # the mean over several tests
    shifted = trial.config.get("shift_domains") or ()
    tested = table["tested"].to_pylist() if part else [True] * len(table)
    return [
        row
        for row, where in enumerate(table["domain"].to_pylist())
        if (where == domain if domain else where not in shifted) and tested[row]
    ]


def _overlap(table: Any, measure: str, split: str) -> CaseMetric | None:
    """Return the mean of a score over all cases, or over those of a class or domain."""
    score = measure.removesuffix(_NONEMPTY)
    _, _, part = split.partition("/")
    column, _, wanted = part.partition("/")
    if part and column not in ("class", "domain"):
        return None
    rows = table.to_pydict()
    kept = [
        row
        for row in range(len(table))
        if (not part or rows[column][row] == wanted)
        and not (rows["empty_target"][row] and score != measure)
    ]
    scores = {f"{rows['domain'][row]}/{rows['case'][row]}": float(rows[score][row]) for row in kept}
    return mean_metric(scores) if scores else None
