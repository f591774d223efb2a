"""The Frechet distance against closed forms and against a general matrix square root."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.stats import ortho_group
from torch import Tensor

from trainables.analyses.fid import Gaussian, fit_gaussian, frechet_distance
from trainables.errors import DatasetError


def feats(n: int, d: int, seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d))


def fitted(feats_nd: Tensor) -> Gaussian:
    return fit_gaussian([feats_nd])


def test_fit_equals_numpy_in_any_batches_also_far_from_zero() -> None:
    feats_nd = feats(50, 4, seed=0) + 1e6
    found = fit_gaussian(feats_nd.split(7))
    np.testing.assert_allclose(found.mean, feats_nd.numpy().mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(feats_nd.numpy().T), rtol=1e-6)


def test_commuting_covariances_have_a_closed_form() -> None:
    rng = np.random.default_rng(0)
    axes = ortho_group.rvs(6, random_state=0)
    variances_a, variances_b = rng.uniform(0, 3, size=(2, 6))
    mean_a, mean_b = rng.normal(size=(2, 6))
    a = Gaussian(mean=mean_a, covariance=(axes * variances_a) @ axes.T)
    b = Gaussian(mean=mean_b, covariance=(axes * variances_b) @ axes.T)
    shift = ((mean_a - mean_b) ** 2).sum()
    expected = shift + ((np.sqrt(variances_a) - np.sqrt(variances_b)) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_one_feature_is_the_distance_of_two_bell_curves() -> None:
    a = Gaussian(mean=np.array([1.0]), covariance=np.array([[4.0]]))
    b = Gaussian(mean=np.array([4.0]), covariance=np.array([[9.0]]))
    assert frechet_distance(a, b) == pytest.approx(3**2 + (3 - 2) ** 2)


def test_general_covariances_equal_scipys_square_root() -> None:
    a, b = fitted(feats(40, 5, seed=1)), fitted(feats(60, 5, seed=2))
    root = np.real(sqrtm(a.covariance @ b.covariance))
    expected = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_fewer_pictures_than_features_are_at_distance_zero_from_themselves() -> None:
    a = fitted(feats(5, 30, seed=3))
    scale = np.trace(a.covariance)
    assert 0 <= frechet_distance(a, a) < 1e-6 * scale
    moved = Gaussian(mean=a.mean + 2, covariance=a.covariance)
    assert frechet_distance(a, moved) == pytest.approx(30 * 2**2, abs=1e-6 * scale)


@pytest.mark.parametrize("batches", [[], [torch.ones(1, 3)]])
def test_too_few_pictures_are_refused(batches: list[Tensor]) -> None:
    with pytest.raises(DatasetError, match="at least two pictures"):
        fit_gaussian(batches)


@pytest.mark.parametrize(("n_a", "n_b"), [(5, 8), (20, 40), (25, 25)])
def test_fewer_pictures_than_features_equal_the_nuclear_norm_of_their_products(
    n_a: int, n_b: int
) -> None:
    feats_a, feats_b = feats(n_a, 30, seed=4), feats(n_b, 30, seed=5)
    a, b = fitted(feats_a), fitted(feats_b)
    centred_a, centred_b = (f - f.mean(dim=0) for f in (feats_a, feats_b))
    # The roots of the eigenvalues of (X'X)(Y'Y) are the singular values of X Y'.
    products = torch.linalg.matrix_norm(centred_a @ centred_b.T, "nuc")
    root = float(products) / np.sqrt((n_a - 1) * (n_b - 1))
    traces = np.trace(a.covariance + b.covariance)
    expected = ((a.mean - b.mean) ** 2).sum() + traces - 2 * root
    assert frechet_distance(a, b) == pytest.approx(expected, abs=1e-7 * traces)


def test_singular_covariances_equal_scipys_square_root_beside_a_small_diagonal() -> None:
    a, b = fitted(feats(12, 20, seed=6)), fitted(feats(15, 20, seed=7))
    small = 1e-8 * np.eye(20)
    root = np.real(sqrtm((a.covariance + small) @ (b.covariance + small)))
    traces = np.trace(a.covariance + b.covariance)
    expected = ((a.mean - b.mean) ** 2).sum() + traces - 2 * np.trace(root)
    assert frechet_distance(a, b) == pytest.approx(expected, abs=1e-4 * traces)


def test_halves_of_one_set_come_nearer_with_more_pictures() -> None:
    few, many = (
        frechet_distance(*(fitted(part) for part in feats(n, 10, seed=8).chunk(2)))
        for n in (100, 10_000)
    )
    assert few > 20 * many > 0
