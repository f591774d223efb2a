"""Splits that papers made by shuffling row numbers."""

from __future__ import annotations

import random
from collections.abc import Mapping

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
