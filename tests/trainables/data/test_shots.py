"""A few pictures per class."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.data.shots import few_shots
from trainables.errors import DatasetError

LABELS = np.array([0, 1, 1, 2, 0, 2, 2, 1, 0, 2])
CLASSES = ("a", "b", "c")


@pytest.mark.parametrize("shots", [1, 2, 3])
def test_every_class_has_so_many(shots: int) -> None:
    rows = few_shots(LABELS, CLASSES, shots, seed=0)
    assert np.bincount(LABELS[rows]).tolist() == [shots] * 3
    assert rows.tolist() == sorted(set(rows.tolist()))


def test_fewer_shots_are_among_more_of_the_same_seed() -> None:
    few, more = (few_shots(LABELS, CLASSES, shots, seed=3).tolist() for shots in (1, 2))
    assert set(few) < set(more)


def test_seeds_draw_differently() -> None:
    draws = {tuple(few_shots(LABELS, CLASSES, 1, seed)) for seed in range(5)}
    assert len(draws) > 1


def test_a_class_with_fewer_is_named() -> None:
    with pytest.raises(DatasetError, match=r"'a' has 3 .*shots=4"):
        few_shots(LABELS, CLASSES, 4, seed=0)


def test_multilabel_sets_have_no_shots() -> None:
    with pytest.raises(DatasetError, match="multilabel"):
        few_shots(np.zeros((4, 2), dtype=np.float32), ("a", "b"), 1, seed=0)
