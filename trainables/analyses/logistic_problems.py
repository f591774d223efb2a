"""Many logistic regressions on the same features, as functions of all their coefficients at once.

Legend: p problems, m logits of each, n cases, d feature width, t = m * d + m coefficients of a
problem: its weights, then its biases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Rotated(NamedTuple):
    """Features seen along their principal directions.

    The L2 penalty is the same in any rotation. In this one features are uncorrelated, so that
    their variances say how steep a problem is in each direction, which makes it easy to solve.

    Args:
        x_nd: rotated features, centred; the precision of products with them is theirs.
        variance_d: mean square along each direction.
        rotation_dd: column i is direction i.
    """

    x_nd: Tensor
    variance_d: Tensor
    rotation_dd: Tensor

    @classmethod
    def of(cls, feats_nd: Tensor) -> Rotated:
        """Rotate centred features."""
        variance_d, rotation_dd = torch.linalg.eigh(feats_nd.T @ feats_nd / len(feats_nd))
        return cls(feats_nd @ rotation_dd, variance_d.clamp(min=0), rotation_dd)

    def single(self) -> Rotated:
        """Return features in float32, whose products take half the time."""
        return self._replace(x_nd=self.x_nd.float())


class Point(NamedTuple):
    """Coefficients and what the problems are like there.

    Args:
        logits_pmn: of every case.
        value_p: mean cross-entropy plus penalty.
        curvature_pt: positive; about the second derivative by each coefficient.
    """

    theta_pt: Tensor
    logits_pmn: Tensor
    value_p: Tensor
    gradient_pt: Tensor
    curvature_pt: Tensor

    def take(self, kept: Tensor) -> Point:
        """Return the point of some problems."""
        return Point(*(part[kept] for part in self))


@dataclass(frozen=True, kw_only=True)
class Problems:
    """Minimise, for each problem, the mean cross-entropy plus penalty / 2 * |weights|^2.

    One logit is the log-odds of a label; more are those of a softmax.

    Args:
        moments_pt: derivative of the mean logit of the right answers by the coefficients. These
            logits are linear, so this is all there is to know of the labels.
    """

    features: Rotated
    moments_pt: Tensor
    penalty_p: Tensor
    logits: int

    @classmethod
    def of(cls, features: Rotated, targets_qmn: Tensor, penalties: Tensor) -> Problems:
        """Make the problems of every target with every penalty; the target changes fastest.

        Args:
            targets_qmn: 1 at right answers, else 0, float64.
        """
        q, m, n = targets_qmn.shape
        weights_qt = (targets_qmn.flatten(0, 1) @ features.x_nd / n).view(q, -1)
        moments_qt = torch.cat([weights_qt, targets_qmn.mean(2)], dim=1)
        return cls(
            features=features,
            moments_pt=moments_qt.repeat(len(penalties), 1),
            penalty_p=penalties.repeat_interleave(q),
            logits=m,
        )

    def take(self, kept: Tensor) -> Problems:
        """Return some of the problems."""
        return replace(self, moments_pt=self.moments_pt[kept], penalty_p=self.penalty_p[kept])

    def weights(self, theta_pt: Tensor) -> Tensor:
        """Return the part of coefficients that is penalised."""
        return theta_pt[:, : -self.logits]

    def logits_of(self, theta_pt: Tensor) -> Tensor:
        """Return logits_pmn; they are linear in the coefficients."""
        p, m, x_nd = len(theta_pt), self.logits, self.features.x_nd
        linear = self.weights(theta_pt).reshape(p * m, -1).to(x_nd.dtype) @ x_nd.T
        return linear.view(p, m, -1) + theta_pt[:, -m:].unsqueeze(2)

    def value(self, theta_pt: Tensor, logits_pmn: Tensor) -> Tensor:
        """Return value_p."""
        normaliser_p = _normaliser(logits_pmn).mean(dim=(1, 2))
        right_p = torch.linalg.vecdot(self.moments_pt, theta_pt)
        weights = self.weights(theta_pt)
        penalty_p = self.penalty_p / 2 * torch.linalg.vecdot(weights, weights)
        value_p: Tensor = normaliser_p - right_p + penalty_p
        return value_p

    def point(self, theta_pt: Tensor, logits_pmn: Tensor) -> Point:
        """Return all there is to know at some coefficients and their logits."""
        shares_pmn = (logits_pmn - _normaliser(logits_pmn)).exp_()
        p, m, n = shares_pmn.shape
        share_pm = shares_pmn.mean(dim=2)
        x_nd = self.features.x_nd
        weights_pt = (shares_pmn.view(p * m, n).to(x_nd.dtype) @ x_nd).view(p, -1) / n
        gradient_pt = torch.cat([weights_pt.double(), share_pm], dim=1).sub_(self.moments_pt)
        self.weights(gradient_pt).add_(self.penalty_p.unsqueeze(1) * self.weights(theta_pt))
        # Mean of share * (1 - share), as if it had nothing to do with the features.
        square_pm = torch.linalg.vector_norm(shares_pmn, dim=2).square() / n
        spread_pm = (share_pm - square_pm).clamp(min=torch.finfo(share_pm.dtype).eps)
        steep_pmd = spread_pm.unsqueeze(2) * self.features.variance_d
        steep_pmd += self.penalty_p.view(p, 1, 1)
        curvature_pt = torch.cat([steep_pmd.view(p, -1), spread_pm], dim=1)
        value_p = self.value(theta_pt, logits_pmn)
        return Point(theta_pt, logits_pmn, value_p, gradient_pt, curvature_pt)


def _normaliser(logits_pmn: Tensor) -> Tensor:
    """Return the logarithm of what the exponentials of a case's logits add up to, (p, 1, n)."""
    if logits_pmn.shape[1] == 1:
        # The other answer's logit is zero.
        return functional.softplus(logits_pmn, threshold=40.0)
    return logits_pmn.logsumexp(dim=1, keepdim=True)
