"""Distances between two samples of features, as DomainBed's MMD and CORAL take them.

Legend: n, m pictures, f features.
"""

from __future__ import annotations

import torch
from torch import Tensor

_PRECISIONS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


def mmd_distance(one_nf: Tensor, other_mf: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy under a sum of seven Gaussian kernels.

    Means are over all pairs, a picture with itself among them.
    """
    own = _kernel(one_nf, one_nf).mean() + _kernel(other_mf, other_mf).mean()
    return own - 2 * _kernel(one_nf, other_mf).mean()


def coral_distance(one_nf: Tensor, other_mf: Tensor) -> Tensor:
    """Return the mean squared difference of means plus that of covariances (n - 1)."""
    means = (one_nf.mean(dim=0) - other_mf.mean(dim=0)).pow(2).mean()
    return means + (_covariance(one_nf) - _covariance(other_mf)).pow(2).mean()


def _kernel(one_nf: Tensor, other_mf: Tensor) -> Tensor:
    # From differences: the expanded square rounds small distances, and the sharpest kernel
    # multiplies what is left by a thousand.
    squared_nm = (one_nf[:, None] - other_mf[None]).pow(2).sum(dim=2)
    return torch.stack([torch.exp(-precision * squared_nm) for precision in _PRECISIONS]).sum(0)


def _covariance(feats_nf: Tensor) -> Tensor:
    centred_nf = feats_nf - feats_nf.mean(dim=0)
    return centred_nf.T @ centred_nf / (len(feats_nf) - 1)
