"""Concept grounding functions: how probable it is that a picture shows a concept.

Source: Yang et al., NeurIPS 2024, section 4.3. Features of pictures have length one and the penalty
is that of C = 1, so probabilities keep close to one half; nothing rescales them.

Legend: n pictures, c concepts, d feature width.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional

from trainables.concepts.sampling import ConceptSample

_MAX_ITER = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounding:
    """One logistic regression per concept.

    Args:
        names: the concepts, as their list spells them and in its order.
        train_accuracy_c, val_accuracy_c: shares of pictures that are told right; the second ranks
            concepts.
    """

    names: tuple[str, ...]
    weight_cd: Tensor
    bias_c: Tensor
    train_accuracy_c: Tensor
    val_accuracy_c: Tensor

    def probabilities(self, feats_nd: Tensor) -> Tensor:
        """Return z_nc in (0, 1) of features of any length."""
        unit_nd = functional.normalize(feats_nd, dim=1)
        return torch.sigmoid(unit_nd @ self.weight_cd.T + self.bias_c)

    def of(self, names: tuple[str, ...]) -> Grounding:
        """Return the functions of some concepts, in that order.

        Raises:
            KeyError: there is none of a concept.
        """
        place = {name: index for index, name in enumerate(self.names)}
        rows = [place[name] for name in names]
        return Grounding(
            names=names,
            weight_cd=self.weight_cd[rows],
            bias_c=self.bias_c[rows],
            train_accuracy_c=self.train_accuracy_c[rows],
            val_accuracy_c=self.val_accuracy_c[rows],
        )


def fit_grounding(
    feats_nd: Tensor, samples: Mapping[str, ConceptSample], inverse_l2: float
) -> Grounding:
    """Fit every concept on its pictures.

    Args:
        feats_nd: features of all annotated pictures; samples hold row numbers of it.
        samples: at least one concept.
        inverse_l2: scikit-learn's C: the weight of the data against the penalty.
    """
    unit_nd = functional.normalize(feats_nd, dim=1).numpy()
    # See trainables.analyses.logistic: NumPy's threads would fight over small products.
    with threadpool_limits(torch.get_num_threads()), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = [_fit(unit_nd, sample, inverse_l2) for sample in samples.values()]
    weights, biases, train, val = zip(*fitted, strict=True)
    return Grounding(
        names=tuple(samples),
        weight_cd=torch.from_numpy(np.stack(weights)).float(),
        bias_c=torch.tensor(biases, dtype=torch.float32),
        train_accuracy_c=torch.tensor(train, dtype=torch.float32),
        val_accuracy_c=torch.tensor(val, dtype=torch.float32),
    )


def _fit(unit_nd: Any, sample: ConceptSample, inverse_l2: float) -> tuple[Any, float, float, float]:
    train, train_labels = _rows(sample.train_positive, sample.train_negative)
    val, val_labels = _rows(sample.val_positive, sample.val_negative)
    model = LogisticRegression(C=inverse_l2, max_iter=_MAX_ITER)
    # Of a corpus only these few rows are needed in double precision.
    train_nd, val_nd = unit_nd[train].astype(np.float64), unit_nd[val].astype(np.float64)
    model.fit(train_nd, train_labels)
    accuracies = (
        float(model.score(train_nd, train_labels)),
        float(model.score(val_nd, val_labels)),
    )
    return model.coef_[0], float(model.intercept_[0]), *accuracies


def _rows(positive: list[int], negative: list[int]) -> tuple[list[int], Any]:
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    return positive + negative, labels
