"""Splits that papers made by shuffling row numbers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from trainables.data.card import Split


def shuffled_split(rows: int, held_out: float, seed: int = 42) -> Mapping[Split, list[int]]:
    """Split row numbers as Foundation-Medical does for APTOS 2019 and ISIC 2019.

    Rows are shuffled; the first ``int(rows * held_out)`` are held out, their first half is for
    validation and the rest for testing. Neither stratified nor grouped by patient.

    Args:
        held_out: share of validation and test together.
    """
    order = list(range(rows))
    random.Random(seed).shuffle(order)
    held = int(rows * held_out)
    return {"train": order[held:], "val": order[: held // 2], "test": order[held // 2 : held]}


def held_out_tenth(labels: Sequence[int], seed: int = 42) -> set[int]:
    """Draw row numbers of a tenth of every class, rounded down; a draw of our own."""
    generator = random.Random(seed)
    of_class: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        of_class.setdefault(label, []).append(row)
    drawn = (generator.sample(of_class[k], len(of_class[k]) // 10) for k in sorted(of_class))
    return {row for rows in drawn for row in rows}
