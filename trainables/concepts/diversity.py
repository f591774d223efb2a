"""How different the concepts of a list are from each other.

Source: Yang et al., NeurIPS 2024, section 6.2.

Legend: n concepts, d width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def diversity(vectors_nd: Tensor) -> float:
    """Return the mean of 1 - cosine over all ordered pairs of two different concepts.

    Raises:
        ValueError: fewer than two concepts make no pair.
    """
    n = len(vectors_nd)
    if n < 2:
        raise ValueError(f"diversity is one of at least two concepts, got {n}")
    distance_nn = _distances(vectors_nd)
    return float(distance_nn.sum() / (n * n - n))


def diversity_as_released(vectors_nd: Tensor) -> float:
    """Return what the released code prints: each concept counts as at distance 1 from itself."""
    n = len(vectors_nd)
    distance_nn = _distances(vectors_nd) + torch.eye(n, dtype=torch.float64)
    return float(distance_nn.sum() / (n * n))


def _distances(vectors_nd: Tensor) -> Tensor:
    unit_nd = functional.normalize(vectors_nd.double(), dim=1)
    return (1 - unit_nd @ unit_nd.T).fill_diagonal_(0)
