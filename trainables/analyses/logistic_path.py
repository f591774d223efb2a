"""Logistic regression with every strength of a penalty, in a fraction of the time of one by one.

Legend: n cases, d feature width, k classes, q targets (one, or one per label of a multilabel task),
m logits of a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.analyses.batched_lbfgs import Minima, minimise
from trainables.analyses.logistic import Array, LinearProbe, Standardised, logistic_targets
from trainables.analyses.logistic_problems import Problems, Rotated
from trainables.data.card import Task

_TOLERANCE = 1e-4
"""Of the norm of the gradient; scikit-learn's default bounds the largest entry only."""
_SINGLE = 1e-5
"""Gradients below this are not asked of products in single precision."""
_TOGETHER = 9
"""Penalties solved together: more share each product, fewer begin closer to their end."""
_MOST = 2**25
"""Logits held at once; bounds the memory."""


def fit_logistic_path(
    feats_nd: Tensor,
    labels: Array,
    *,
    task: Task,
    classes: tuple[str, ...],
    inverse_l2: Sequence[float],
    max_iter: int,
    device: str = "cpu",
    tolerance: float = _TOLERANCE,
) -> list[LinearProbe]:
    """Return the optimum of :func:`trainables.analyses.logistic.fit_logistic` for every penalty.

    Args:
        inverse_l2: rising values of scikit-learn's C. Each group of them begins where the one
            before it ended.
        max_iter: most iterations of each model, in either precision.
        tolerance: of the Euclidean norm of the gradient of a model's mean loss.

    Raises:
        DatasetError: a class has no training case (or, multilabel, nothing but cases).
    """
    targets = logistic_targets(labels, classes, task)
    targets_qmn = _right_answers(targets, len(classes), task).to(device)
    standard = Standardised.of(feats_nd)
    features = Rotated.of(standard.x_nd.to(device))
    q, m, n = targets_qmn.shape
    d = feats_nd.shape[1]
    together = max(1, min(_TOGETHER, _MOST // (q * m * n)))
    start_qt = torch.zeros(q, m * d + m, dtype=torch.float64, device=device)
    probes = []
    for begin in range(0, len(inverse_l2), together):
        part = inverse_l2[begin : begin + together]
        penalties = torch.tensor([1 / (c * n) for c in part], dtype=torch.float64, device=device)
        problems = Problems.of(features, targets_qmn, penalties)
        ends = _solve(problems, start_qt.repeat(len(part), 1), tolerance, max_iter)
        start_qt = ends.theta_pt[-q:]
        weight_pd = problems.weights(ends.theta_pt).reshape(-1, d) @ features.rotation_dd.T
        models = zip(
            weight_pd.view(len(part), q * m, d).cpu(),
            _centred(ends.theta_pt[:, -m:]).reshape(len(part), q * m).cpu(),
            ends.converged_p.view(len(part), q).all(dim=1).tolist(),
            strict=True,
        )
        probes += [standard.probe(w_kd, b_k, task, done) for w_kd, b_k, done in models]
    return probes


def _solve(problems: Problems, start_pt: Tensor, tolerance: float, max_iter: int) -> Minima:
    """Solve with products in single precision, then go on in double where that is not enough."""
    rough = replace(problems, features=problems.features.single())
    near = minimise(rough, start_pt, max(tolerance, _SINGLE), max_iter)
    return minimise(problems, near.theta_pt, tolerance, max_iter)


def _right_answers(targets: list[Array], classes: int, task: Task) -> Tensor:
    """Return 1 at right answers, else 0; one logit decides between two."""
    if task == "multiclass" and classes > 2:
        return functional.one_hot(torch.from_numpy(targets[0]), classes).T.unsqueeze(0).double()
    return torch.from_numpy(np.stack(targets)).unsqueeze(1).double()


def _centred(bias_pm: Tensor) -> Tensor:
    # A softmax is the same with any number added to all logits; where it ended is chance.
    return bias_pm - bias_pm.mean(dim=1, keepdim=True) if bias_pm.shape[1] > 1 else bias_pm
