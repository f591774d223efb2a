"""Frechet distance between the features of two data sets (Heusel et al. 2017).

Legend: n pictures, d feature width.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trainables.errors import DatasetError

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gaussian:
    """Mean (d) and sample covariance (d, d) of features, float64."""

    mean: Array
    covariance: Array


def fit_gaussian(batches: Iterable[Tensor]) -> Gaussian:
    """Fit the features of all pictures, one batch at a time.

    Args:
        batches: feats_nd of some pictures each.

    Raises:
        DatasetError: fewer than two pictures.
    """
    n, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for batch_nd in batches:
        feats_nd = batch_nd.detach().cpu().double().numpy()
        batch_mean = feats_nd.mean(axis=0)
        centred = feats_nd - batch_mean
        if n == 0:
            n, mean, scatter = len(feats_nd), batch_mean, centred.T @ centred
            continue
        # Merging what is centred (Chan et al. 1979) loses no digits to a large mean.
        total, shift = n + len(feats_nd), batch_mean - mean
        weight = n * len(feats_nd) / total
        scatter = scatter + centred.T @ centred + weight * np.outer(shift, shift)
        n, mean = total, mean + shift * len(feats_nd) / total
    if n < 2:
        raise DatasetError(f"a covariance needs at least two pictures, got {n}")
    return Gaussian(mean=mean, covariance=scatter / (n - 1))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Return |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)) of covariances A and B; never below 0.

    Exact for singular covariances too, such as those of fewer pictures than features, to about
    1e-7 of their traces. Nothing is added to their diagonals: usual implementations add 1e-6 when
    a general square root of A B fails, and drop its imaginary part; here neither can be needed.

    Fitted to samples, the distance is too large, for many pictures by about a constant over n
    (Chong & Forsyth 2020), so two halves of one set are not at 0. The constant depends on the
    features: compare sets of fewer than some 10 d pictures only with sets of about as many.
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    # A B and the symmetric A^(1/2) B A^(1/2) have the same eigenvalues, which are not negative:
    # below zero is rounding.
    products = np.linalg.eigvalsh(root @ b.covariance @ root).clip(min=0)
    traces = np.trace(a.covariance) + np.trace(b.covariance) - 2 * np.sqrt(products).sum()
    return float(max(0.0, ((a.mean - b.mean) ** 2).sum() + traces))
