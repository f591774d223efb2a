"""The paper's split, against the digests its specification gives."""

from __future__ import annotations

import hashlib

import pytest

from trainables.data.card import SPLITS
from trainables.data.splits import shuffled_split


@pytest.mark.parametrize(
    ("rows", "held_out", "sizes", "digests"),
    [
        (3662, 0.3, (2564, 549, 549), ("31c895cea1546ef5", "7a2c0c1bda8639f2", "33e75ca8c85af985")),
        (
            25331,
            0.2,
            (20265, 2533, 2533),
            ("28ab89d618406fcd", "3b37132dd137a955", "6d343cec6e90ed44"),
        ),
    ],
    ids=["aptos2019", "isic2019"],
)
def test_split_is_the_one_of_the_paper(
    rows: int, held_out: float, sizes: tuple[int, ...], digests: tuple[str, ...]
) -> None:
    split = shuffled_split(rows, held_out)
    assert tuple(len(split[name]) for name in SPLITS) == sizes
    for name, expected in zip(SPLITS, digests, strict=True):
        text = ",".join(str(row) for row in split[name])
        assert hashlib.sha256(text.encode()).hexdigest()[:16] == expected


def test_every_row_is_in_one_split() -> None:
    split = shuffled_split(101, 0.3)
    assert sorted(row for rows in split.values() for row in rows) == list(range(101))
