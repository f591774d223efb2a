"""Which pictures a concept is learned from, against the sizes and draws of the released code."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from trainables.concepts.choice import choose_concepts, drawn_columns
from trainables.concepts.sampling import sample_concept


def sizes(positives: int, negatives: int, **changes: int) -> tuple[int, ...] | None:
    limits = {"max_examples": 10_000, "train_examples": 2_000, **changes}
    found = sample_concept(range(positives), range(positives, positives + negatives), **limits)
    if found is None:
        return None
    return (
        len(found.train_positive),
        len(found.train_negative),
        len(found.val_positive),
        len(found.val_negative),
    )


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [
        (6_000, 9_000, (1_000, 1_000, 50, 50)),
        (300, 9_000, (270, 270, 30, 30)),
        (9_000, 300, (270, 270, 30, 30)),
        (100, 100, (90, 90, 10, 10)),
        (499, 4_000, (450, 450, 49, 49)),
        (500, 500, (450, 450, 50, 50)),
        (99, 9_000, None),
        (9_000, 99, None),
    ],
)
def test_sizes_are_those_of_the_released_procedure(
    positives: int, negatives: int, expected: tuple[int, ...] | None
) -> None:
    assert sizes(positives, negatives) == expected


def test_a_small_room_is_shared_by_both_sides() -> None:
    assert sizes(5_000, 5_000, max_examples=400) == (180, 180, 20, 20)
    assert sizes(5_000, 5_000, train_examples=300) == (150, 150, 50, 50)


def test_draws_repeat_the_released_order_step_by_step() -> None:
    positives, negatives = list(range(300)), list(range(300, 1_300))
    found = sample_concept(positives, negatives, 10_000, 400)
    assert found is not None
    random.seed(0)
    random.shuffle(positives)
    random.shuffle(negatives)
    # The released code splits by scikit-learn.
    train_p, val_p = train_test_split(positives, test_size=30, random_state=0)
    train_n, val_n = train_test_split(negatives, test_size=30, random_state=0)
    assert found.val_positive == val_p
    assert found.val_negative == val_n
    assert found.train_positive == train_p[:200]
    assert found.train_negative == train_n[:200]


def test_the_longer_side_is_drawn_down_by_a_fresh_generator() -> None:
    found = sample_concept(range(100), range(100, 1_000), 10_000, 2_000)
    assert found is not None
    negatives = list(range(100, 1_000))
    generator = random.Random(0)
    generator.shuffle(list(range(100)))
    generator.shuffle(negatives)
    order = np.random.RandomState(0).permutation(900)
    pool = [negatives[i] for i in order[10:]]
    assert found.train_negative == random.Random(0).sample(pool, 90)


def test_no_picture_is_held_out_and_fitted_to() -> None:
    found = sample_concept(range(200), range(200, 500), 10_000, 2_000)
    assert found is not None
    parts = [
        found.train_positive,
        found.train_negative,
        found.val_positive,
        found.val_negative,
    ]
    rows = [row for part in parts for row in part]
    assert len(rows) == len(set(rows))
    assert max(found.train_positive + found.val_positive) < 200
    assert min(found.train_negative + found.val_negative) >= 200


def test_equally_accurate_concepts_keep_the_order_of_their_list() -> None:
    names = ["a", "b", "c", "d"]
    assert choose_concepts(names, [0.5, 0.9, 0.5, 0.9], 3, "top", seed=0) == ("b", "d", "a")
    assert choose_concepts(names, [0.5, 0.9, 0.5, 0.9], 150, "top", seed=0) == ("b", "d", "a", "c")


def test_random_concepts_are_distinct_and_differ_by_seed() -> None:
    names = [str(i) for i in range(40)]
    drawn = [choose_concepts(names, [0.0] * 40, 15, "random", seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 15
    assert set(choose_concepts(names, [0.0] * 40, 99, "random", 1)) == set(names)


@pytest.mark.parametrize(
    ("width", "start"),
    [
        (768, [654, 114, 25, 759, 281]),
        (1024, [228, 25, 759, 281, 250]),
        (784, [654, 114, 25, 759, 281]),
    ],
)
def test_columns_are_those_of_the_released_code(width: int, start: list[int]) -> None:
    columns = drawn_columns(width, 768, seed=42)
    assert columns[:5] == start
    assert len(set(columns)) == 768


def test_columns_of_a_narrow_feature_are_all_there() -> None:
    assert sorted(drawn_columns(64, 768, seed=42)) == list(range(64))
