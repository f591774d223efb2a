"""Parts of a training set are nested, stratified, and never lose a class in silence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from trainables.data.fraction import stratified_fraction
from trainables.errors import DatasetError

RNG = np.random.default_rng(0)
LABELS = RNG.permutation(np.repeat(np.arange(5), (500, 300, 100, 60, 40)))
FRACTIONS = (0.05, 0.1, 0.25, 0.5, 0.9, 1.0)


@pytest.mark.parametrize("labels", [LABELS, RNG.integers(0, 2, (1000, 6))], ids=["one", "many"])
def test_smaller_parts_are_contained_in_larger_ones(labels: np.ndarray) -> None:
    parts = [stratified_fraction(labels, fraction, seed=7).tolist() for fraction in FRACTIONS]
    for small, large in itertools.pairwise(parts):
        assert set(small) < set(large)
    assert [len(part) for part in parts] == [50, 100, 250, 500, 900, 1000]
    assert all(part == sorted(set(part)) for part in parts)
    assert parts[-1] == list(range(1000))


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_every_class_keeps_its_share_to_within_a_picture(fraction: float) -> None:
    kept = np.bincount(LABELS[stratified_fraction(LABELS, fraction, seed=1)], minlength=5)
    assert np.abs(kept - fraction * np.bincount(LABELS)).max() <= 1


def test_seed_decides_which_pictures_are_kept() -> None:
    first = stratified_fraction(LABELS, 0.25, seed=42)
    np.testing.assert_array_equal(first, stratified_fraction(LABELS, 0.25, seed=42))
    overlap = len(np.intersect1d(first, stratified_fraction(LABELS, 0.25, seed=43)))
    # Of 250, a quarter is expected by chance.
    assert 40 < overlap < 90


def test_multilabel_parts_are_prefixes_of_one_permutation() -> None:
    labels = np.ones((100, 3), dtype=np.float32)
    order = np.random.default_rng(5).permutation(100)
    kept = stratified_fraction(labels, 0.3, seed=5)
    assert kept.tolist() == sorted(order[:30].tolist())


def test_emptied_class_is_named() -> None:
    labels = np.repeat([0, 1, 2], (97, 2, 1))
    with pytest.raises(DatasetError, match=r"fraction of 0.2 keeps 20 of 100 .* the 2 of class 1"):
        stratified_fraction(labels, 0.2, seed=0)
    with pytest.raises(DatasetError, match="keeps 0 of 100"):
        stratified_fraction(labels, 0.001, seed=0)
    many = np.zeros((50, 2))
    many[:, 0], many[np.random.default_rng(0).permutation(50)[-1], 1] = 1, 1
    with pytest.raises(DatasetError, match="none of the 1 of class 1"):
        stratified_fraction(many, 0.5, seed=0)


def test_class_that_never_occurs_is_not_missed() -> None:
    labels = np.repeat([0, 2], 50)
    assert len(stratified_fraction(labels, 0.1, seed=0)) == 10


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.01, float("nan")])
def test_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(DatasetError, match=r"must be in \(0, 1\]"):
        stratified_fraction(LABELS, fraction, seed=0)
