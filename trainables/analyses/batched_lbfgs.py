"""L-BFGS on many logistic regressions at once, each with its own history, steps and end.

What the problems share is the matrix product with the features, which is what takes the time. One
L-BFGS over all of them stacked would couple their step lengths and curvatures instead.

Source: Nocedal & Wright, Numerical Optimization (2006), algorithms 7.4 (two loops) and 3.1
(backtracking). The initial inverse Hessian is diagonal and follows from each problem's curvature.

Legend: p problems, t coefficients of each.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.analyses.logistic_problems import Point, Problems

_MEMORY = 10
_SUFFICIENT = 1e-4
_BACKTRACKS = 30
# Rounding moves a value by this much; a smaller rise is none.
_ROUNDING = 1e-12


class Minima(NamedTuple):
    """Where problems ended.

    Args:
        converged_p: whether the gradient is as small as was asked for.
    """

    theta_pt: Tensor
    converged_p: Tensor


class _Pair(NamedTuple):
    """A step and how the gradient changed by it; rho is 1 / <step, change>, or 0 to ignore it."""

    step_pt: Tensor
    change_pt: Tensor
    rho_p: Tensor


def minimise(problems: Problems, start_pt: Tensor, tolerance: float, max_iter: int) -> Minima:
    """Solve all problems; those that are done leave the batch.

    Args:
        tolerance: of the Euclidean norm of a problem's gradient.
        max_iter: most iterations of each.
    """
    ends = Minima(start_pt.clone(), torch.zeros(len(start_pt), dtype=torch.bool))
    left = torch.arange(len(start_pt), device=start_pt.device)
    point = problems.point(start_pt, problems.logits_of(start_pt))
    pairs: deque[_Pair] = deque(maxlen=_MEMORY)
    stuck_p = torch.zeros_like(left, dtype=torch.bool)
    for iteration in range(max_iter + 1):
        small_p = torch.linalg.vector_norm(point.gradient_pt, dim=1) <= tolerance
        out_p = small_p | stuck_p | (iteration == max_iter)
        if out_p.any():
            ends.theta_pt[left[out_p]] = point.theta_pt[out_p]
            ends.converged_p[left[out_p].cpu()] = small_p[out_p].cpu()
            left, problems, point = left[~out_p], problems.take(~out_p), point.take(~out_p)
            pairs = deque((_Pair(*(v[~out_p] for v in pair)) for pair in pairs), _MEMORY)
        if not len(left):
            break
        direction_pt = _direction(point, pairs)
        moved, stuck_p = _line_search(problems, point, direction_pt)
        pairs.append(_pair(point, moved))
        point = moved
    return ends


def _pair(old: Point, new: Point) -> _Pair:
    step_pt, change_pt = new.theta_pt - old.theta_pt, new.gradient_pt - old.gradient_pt
    product_p = torch.linalg.vecdot(step_pt, change_pt)
    # The problems are convex, so it is positive but for rounding.
    rho_p = torch.where(product_p > 0, 1 / product_p, 0.0)
    return _Pair(step_pt, change_pt, rho_p)


def _direction(point: Point, pairs: deque[_Pair]) -> Tensor:
    """Return minus the gradient times the approximate inverse Hessian."""
    q_pt = -point.gradient_pt
    alphas = []
    for step_pt, change_pt, rho_p in reversed(pairs):
        alpha_p = rho_p * torch.linalg.vecdot(step_pt, q_pt)
        q_pt = torch.addcmul(q_pt, alpha_p.unsqueeze(1), change_pt, value=-1)
        alphas.append(alpha_p)
    q_pt = q_pt / point.curvature_pt
    if pairs:
        _, change_pt, rho_p = pairs[-1]
        scale_p = rho_p * torch.linalg.vecdot(change_pt, change_pt / point.curvature_pt)
        q_pt /= torch.where(scale_p > 0, scale_p, 1.0).unsqueeze(1)
    for (step_pt, change_pt, rho_p), alpha_p in zip(pairs, reversed(alphas), strict=True):
        beta_p = rho_p * torch.linalg.vecdot(change_pt, q_pt)
        q_pt.addcmul_((alpha_p - beta_p).unsqueeze(1), step_pt)
    return q_pt


def _line_search(problems: Problems, point: Point, direction_pt: Tensor) -> tuple[Point, Tensor]:
    """Shorten every problem's step until its value falls enough.

    Logits are linear along a direction, so a trial costs no product with the features.

    Returns:
        The next point, and which problems no step made better: these stay where they are.
    """
    along_pmn = problems.logits_of(direction_pt)
    slope_p = torch.linalg.vecdot(point.gradient_pt, direction_pt)
    length_p = torch.ones_like(slope_p)
    for _ in range(_BACKTRACKS):
        theta_pt = torch.addcmul(point.theta_pt, length_p.unsqueeze(1), direction_pt)
        logits_pmn = torch.addcmul(point.logits_pmn, length_p.view(-1, 1, 1), along_pmn)
        rise_p = problems.value(theta_pt, logits_pmn) - point.value_p
        good_p = rise_p <= _SUFFICIENT * length_p * slope_p + _ROUNDING
        if good_p.all():
            break
        # The minimum of the parabola through both values and the slope.
        vertex_p = -slope_p * length_p.square() / (2 * (rise_p - slope_p * length_p))
        shorter_p = torch.clamp(vertex_p, 0.1 * length_p, 0.5 * length_p)
        length_p = torch.where(good_p, length_p, shorter_p)
    else:
        length_p = torch.where(good_p, length_p, 0.0)
        theta_pt = torch.addcmul(point.theta_pt, length_p.unsqueeze(1), direction_pt)
        logits_pmn = torch.addcmul(point.logits_pmn, length_p.view(-1, 1, 1), along_pmn)
    return problems.point(theta_pt, logits_pmn), ~good_p
