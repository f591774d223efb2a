"""Classification metrics of weighted cases, of many weightings at once: what a bootstrap needs.

Legend: n cases, k classes, b weightings. A weight says how often a case counts; with ones, each
metric is that of :mod:`trainables.metrics.classification`, whose rules for what is undefined hold
for every weighting by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[Any]

Weighted = Callable[[Array], Array]
"""Weights (b, n) -> values (b)."""

_Counted = Callable[[Array, Array, Array], Array]
"""Cases, calls and hits of each class (b, k) -> values (b)."""

_MANY, _LEAST = 5_000, 100
"""Cases, and of these on the smaller side, from which an area is expanded (see _area)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Linear:
    """A metric that is linear in the weights: its value, and what one more of a case adds."""

    value: float
    influence_n: Array

    def __call__(self, weights_bn: Array) -> Array:
        return np.asarray(self.value + weights_bn @ self.influence_n)


def weighted_metric(
    name: str, probabilities_nk: Array, truth_n: Array, *, classes: int
) -> Weighted | None:
    """Return a metric of a multiclass test as a function of weights; None if it is not known here.

    Args:
        name: as :func:`classification_metrics` names it.
        truth_n: class numbers.
    """
    if name == "auc":
        columns = range(1, 2) if classes == 2 else range(classes)
        return _mean_of_defined([_area(probabilities_nk[:, k], truth_n == k) for k in columns])
    if name == "roc_auc":
        return _one_against_one(probabilities_nk, truth_n, classes)
    predicted_n = probabilities_nk.argmax(axis=1)
    if name in ("kappa", "cohen_kappa"):
        apart = np.subtract.outer(np.arange(classes), np.arange(classes))
        disagreement_kk = apart**2.0 if name == "kappa" else (apart != 0).astype(float)
        return _kappa(truth_n, predicted_n, disagreement_kk)
    formula = _FORMULAS.get(name)
    return None if formula is None else _counted(formula, truth_n, predicted_n, classes)


def weighted_label_metric(
    name: str, probabilities_nk: Array, positive_nk: Array
) -> Weighted | None:
    """Return the same of a multilabel test; labels are positive above 0.5."""
    truth_nk, called_nk = positive_nk > 0, probabilities_nk > 0.5
    right_nk = truth_nk == called_nk
    if name == "accuracy":
        return _mean_of_cases(right_nk.mean(axis=1))
    if name == "subset_accuracy":
        return _mean_of_cases(right_nk.all(axis=1))
    if name in _POSITIVE:
        return _of_positives(_POSITIVE[name], truth_nk, called_nk)
    if name in _RANKED:
        pairs = zip(probabilities_nk.T, truth_nk.T, strict=True)
        return _mean_of_defined([_RANKED[name](*pair) for pair in pairs])
    if name in _CALLED:
        pairs = zip(truth_nk.T, called_nk.T, strict=True)
        return _mean_of_defined([_CALLED[name](*pair) for pair in pairs])
    return None


def _one_against_one(probabilities_nk: Array, truth_n: Array, classes: int) -> Weighted:
    pairs = [(0, 1)] if classes == 2 else itertools.permutations(range(classes), 2)
    column = 1 if classes == 2 else 0
    chosen = [(pair, np.flatnonzero(np.isin(truth_n, pair))) for pair in pairs]
    parts = [
        (among, _area(probabilities_nk[among, pair[column]], truth_n[among] == pair[column]))
        for pair, among in chosen
    ]

    def values(weights_bn: Array) -> Array:
        # NaN where a class of the pair has no weight: then the mean is not decided.
        return _half(np.mean([part(weights_bn[:, among]) for among, part in parts], axis=0))

    return values


def _decided(area: Weighted) -> Weighted:
    """Return an area under a curve that is 0.5 where it has no value."""
    return area if isinstance(area, _Linear) else lambda weights_bn: _half(area(weights_bn))


def _half(values_b: Array) -> Array:
    return np.where(np.isnan(values_b), 0.5, values_b)


def _mean_of_cases(value_n: Array) -> Weighted:
    return lambda weights_bn: np.asarray(weights_bn @ value_n / weights_bn.sum(axis=1))


def _mean_of_defined(parts: list[Weighted]) -> Weighted:
    linear = [part for part in parts if isinstance(part, _Linear)]
    if len(linear) == len(parts):
        # One product with the weights instead of one for each part.
        return _Linear(
            value=float(np.mean([part.value for part in linear])),
            influence_n=np.mean([part.influence_n for part in linear], axis=0),
        )

    def values(weights_bn: Array) -> Array:
        parts_kb = np.stack([part(weights_bn) for part in parts])
        known_kb = np.isfinite(parts_kb)
        return _share(np.where(known_kb, parts_kb, 0.0).sum(axis=0), known_kb.sum(axis=0), np.nan)

    return values


def _area(score_n: Array, positive_n: Array) -> Weighted:
    """Return the area under the ROC curve, NaN where a side has no weight.

    Of many cases, where sums in the order of scores take long, it is expanded to first order: what
    a case adds does not depend on how often others count. Its standard error is then that of DeLong
    et al. (Biometrics, 1988); what is left out falls faster with the number of cases than that.
    """
    if len(positive_n) >= _MANY and min(positive_n.sum(), (~positive_n).sum()) >= _LEAST:
        return _linear_area(score_n, positive_n)
    order = np.argsort(score_n, kind="stable")
    _, starts = np.unique(score_n[order], return_index=True)

    def values(weights_bn: Array) -> Array:
        sorted_bn = weights_bn[:, order]
        all_bg = np.add.reduceat(sorted_bn, starts, axis=1)
        positive_bg = np.add.reduceat(sorted_bn * positive_n[order], starts, axis=1)
        negative_bg = all_bg - positive_bg
        # Negatives below a group of equal scores, and half of those in it.
        below_bg = np.cumsum(negative_bg, axis=1) - negative_bg / 2
        pairs_b = positive_bg.sum(axis=1) * negative_bg.sum(axis=1)
        return _share((positive_bg * below_bg).sum(axis=1), pairs_b, np.nan)

    return values


def _average_precision(score_n: Array, positive_n: Array) -> Weighted:
    """Return the mean precision over steps of recall, 0 where the positives have no weight."""
    order = np.argsort(-score_n, kind="stable")
    _, starts = np.unique(-score_n[order], return_index=True)

    def values(weights_bn: Array) -> Array:
        sorted_bn = weights_bn[:, order]
        hits_bg = np.add.reduceat(sorted_bn * positive_n[order], starts, axis=1)
        calls_bg = np.add.reduceat(sorted_bn, starts, axis=1).cumsum(axis=1)
        precision_bg = _share(hits_bg.cumsum(axis=1), calls_bg, 0.0)
        return _share((hits_bg * precision_bg).sum(axis=1), hits_bg.sum(axis=1), 0.0)

    return values


def _linear_area(score_n: Array, positive: Array) -> _Linear:
    n, positives = len(score_n), int(positive.sum())
    negatives = n - positives
    rank_n = rankdata(score_n)
    beaten_n = np.empty(n)  # the share of the other side that a case stands right to
    beaten_n[positive] = (rank_n[positive] - rankdata(score_n[positive])) / negatives
    beaten_n[~positive] = 1 - (rank_n[~positive] - rankdata(score_n[~positive])) / positives
    area = float(beaten_n[positive].mean())
    influence_n = (beaten_n - area) / np.where(positive, positives, negatives)
    return _Linear(value=area, influence_n=influence_n)


def _kappa(truth_n: Array, predicted_n: Array, disagreement_kk: Array) -> Weighted:
    one_hot = np.eye(len(disagreement_kk))

    def values(weights_bn: Array) -> Array:
        cases_bk = weights_bn @ one_hot[truth_n]
        calls_bk = weights_bn @ one_hot[predicted_n]
        observed_b = weights_bn @ disagreement_kk[truth_n, predicted_n]
        chance_b = (cases_bk @ disagreement_kk * calls_bk).sum(axis=1) / weights_bn.sum(axis=1)
        return 1 - _share(observed_b, chance_b, np.nan)

    return values


def _counted(formula: _Counted, truth_n: Array, predicted_n: Array, classes: int) -> Weighted:
    def values(weights_bn: Array) -> Array:
        # Made anew for each block of weights: of every run of a study they would fill the memory.
        one_hot = np.eye(classes)
        cases_nk, calls_nk = one_hot[truth_n], one_hot[predicted_n]
        columns = np.hstack([cases_nk, calls_nk, cases_nk * calls_nk])
        cases_bk, calls_bk, hits_bk = np.split(weights_bn @ columns, 3, axis=1)
        return formula(cases_bk, calls_bk, hits_bk)

    return values


def _of_positives(formula: _Counted, truth_nk: Array, called_nk: Array) -> Weighted:
    def values(weights_bn: Array) -> Array:
        sides = (truth_nk, called_nk, truth_nk & called_nk)
        cases_bk, calls_bk, hits_bk = (weights_bn @ side.astype(np.float64) for side in sides)
        return np.asarray(formula(cases_bk, calls_bk, hits_bk).mean(axis=1))

    return values


def _share(part: Array, whole: Array, otherwise: float) -> Array:
    """Return part / whole, and something else where the whole is nothing."""
    result = np.full(np.broadcast_shapes(part.shape, whole.shape), otherwise)
    return np.asarray(np.divide(part, whole, out=result, where=whole != 0))


def _over(values_bk: Array, counted_bk: Array) -> Array:
    return np.asarray((values_bk * counted_bk).sum(axis=1) / counted_bk.sum(axis=1))


def _accuracy(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    del calls_bk
    return np.asarray(hits_bk.sum(axis=1) / cases_bk.sum(axis=1))


def _balanced_accuracy(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    del calls_bk
    return _over(_share(hits_bk, cases_bk, 0.0), cases_bk > 0)


def _recall_macro(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    return _over(_share(hits_bk, cases_bk, 0.0), cases_bk + calls_bk > 0)


def _precision_macro(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    return _over(_share(hits_bk, calls_bk, 0.0), cases_bk + calls_bk > 0)


def _macro_f1(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    return _over(_f1(cases_bk, calls_bk, hits_bk), cases_bk + calls_bk > 0)


def _macro_f1_fixed(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    return np.asarray(_f1(cases_bk, calls_bk, hits_bk).mean(axis=1))


def _weighted_f1(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    return _over(_f1(cases_bk, calls_bk, hits_bk), cases_bk)


def _f1(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    return _share(2 * hits_bk, cases_bk + calls_bk, 0.0)


_FORMULAS: Mapping[str, _Counted] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "recall_macro": _recall_macro,
    "precision_macro": _precision_macro,
    "macro_f1": _macro_f1,
    "macro_f1_fixed": _macro_f1_fixed,
    "weighted_f1": _weighted_f1,
}


def _precision(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    del cases_bk
    return _share(hits_bk, calls_bk, 0.0)


def _recall(cases_bk: Array, calls_bk: Array, hits_bk: Array) -> Array:
    del calls_bk
    return _share(hits_bk, cases_bk, 0.0)


_POSITIVE: Mapping[str, _Counted] = {
    "precision_macro": _precision,
    "recall_macro": _recall,
    "macro_f1": _f1,
}
"""Of the positives of every label (b, k), before the mean over labels."""

_RANKED: Mapping[str, Callable[[Array, Array], Weighted]] = {
    "auc": _area,
    "roc_auc": lambda score_n, positive_n: _decided(_area(score_n, positive_n)),
    "mean_ap": _average_precision,
}
"""Scores and truth of one label -> its metric."""

_CALLED: Mapping[str, Callable[[Array, Array], Weighted]] = {
    "balanced_accuracy": lambda truth_n, called_n: _counted(
        _balanced_accuracy, truth_n.astype(int), called_n.astype(int), classes=2
    ),
    "kappa": lambda truth_n, called_n: _kappa(
        truth_n.astype(int), called_n.astype(int), 1 - np.eye(2)
    ),
}
"""Truth and calls of one label -> its metric."""
