"""Logistic regression on standardised features, by scikit-learn's L-BFGS.

Legend: n cases, d feature width, k classes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor

from trainables.data.card import Task
from trainables.errors import DatasetError

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearProbe:
    """Logits are ``feats_nd @ weight_kd.T + bias_k``; the standardisation is folded in.

    Args:
        converged: the solver met its tolerance before ``max_iter``.
    """

    weight_kd: Tensor
    bias_k: Tensor
    converged: bool

    def logits(self, feats_nd: Tensor) -> Tensor:
        """Return logits_nk."""
        return feats_nd @ self.weight_kd.T + self.bias_k


def fit_logistic(
    feats_nd: Tensor,
    labels: Array,
    *,
    task: Task,
    classes: tuple[str, ...],
    inverse_l2: float,
    max_iter: int,
) -> LinearProbe:
    """Fit one multinomial model, or one binary model per label for a multilabel task.

    Args:
        inverse_l2: scikit-learn's C: the weight of the data against the penalty.

    Raises:
        DatasetError: a class has no training case (or, multilabel, nothing but cases).
    """
    standard = Standardised.of(feats_nd)
    targets = logistic_targets(labels, classes, task)
    fitted = [_fit(standard.x_nd.numpy(), target, inverse_l2, max_iter) for target in targets]
    weight, bias = (torch.from_numpy(part) for part in _stacked(fitted))
    converged = all(int(model.n_iter_.max()) < max_iter for model in fitted)
    return standard.probe(weight, bias, task, converged)


class Standardised(NamedTuple):
    """Features of mean 0 and standard deviation 1, float64, on the CPU."""

    x_nd: Tensor
    mean_d: Tensor
    sd_d: Tensor

    @classmethod
    def of(cls, feats_nd: Tensor) -> Standardised:
        """Standardise by the features' own statistics; what is constant is centred only."""
        feats = feats_nd.double().numpy()
        mean, sd = feats.mean(axis=0), feats.std(axis=0)
        # What varies by the rounding of float32 only is constant.
        sd[sd <= np.finfo(np.float32).eps * np.abs(mean)] = 1.0
        return cls(*map(torch.from_numpy, ((feats - mean) / sd, mean, sd)))

    def probe(self, weight: Tensor, bias: Tensor, task: Task, converged: bool) -> LinearProbe:
        """Return what reads the features as they were.

        Args:
            weight, bias: of standardised features, (k, d) and (k), or of one logit where two
                classes share it.
        """
        if task == "multiclass" and len(weight) == 1:
            # Two classes have one logit, that of the second; the first one's is zero.
            weight, bias = (torch.cat([0 * part, part]) for part in (weight, bias))
        weight = weight / self.sd_d
        bias = bias - weight @ self.mean_d
        return LinearProbe(weight_kd=weight.float(), bias_k=bias.float(), converged=converged)


def logistic_targets(labels: Array, classes: tuple[str, ...], task: Task) -> list[Array]:
    """Return the labels of every model: class numbers, or zeros and ones of each label.

    Raises:
        DatasetError: a class has no training case (or, multilabel, nothing but cases).
    """
    targets = [labels] if task == "multiclass" else list(labels.T.astype(np.int64))
    if task == "multiclass":
        missing = [name for i, name in enumerate(classes) if not (targets[0] == i).any()]
    else:
        pairs = zip(classes, targets, strict=True)
        missing = [name for name, target in pairs if len(np.unique(target)) < 2]
    if missing:
        raise DatasetError(
            f"the training pictures do not tell {missing} apart: a class needs cases with and "
            "without it; raise data.limit"
        )
    return targets


def _fit(x_nd: Array, target: Array, inverse_l2: float, max_iter: int) -> LogisticRegression:
    model = LogisticRegression(C=inverse_l2, max_iter=max_iter)
    # A trial has as many threads as torch was given. NumPy's would take every core, and on a busy
    # machine these small products then take a hundred times the CPU time (0.07 s against 6 s).
    threads = threadpool_limits(torch.get_num_threads())
    with threads, warnings.catch_warnings():
        # Reported as a number instead.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x_nd, target)


def _stacked(fitted: list[LogisticRegression]) -> tuple[Array, Array]:
    weight = np.concatenate([model.coef_ for model in fitted])
    bias = np.concatenate([model.intercept_ for model in fitted])
    return weight, bias
