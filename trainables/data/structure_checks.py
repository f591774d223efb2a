"""What masks of one structure each look like: empty, soft or coloured, counted over a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from trainables.data.card import DataCard
from trainables.data.manifest import Row
from trainables.data.problem import Problem
from trainables.errors import DatasetError

_THREADS = 4
_BETWEEN = (64, 192)
"""Levels that are neither near 0 nor near 255."""
_MOST_BETWEEN = 0.02
"""Share of such pixels that the edges in JPEG files and resized masks stay below."""
_MOST_TINT = 64
"""Difference of two channels that JPEG files of grey masks stay below."""

_EMPTY = "show nothing of their structure"
_SOFT = "have many levels that are neither near 0 nor near 255; from 128 on they count as inside"
_COLOURED = "have colours; what is not in their red channel does not count"


def structure_problems(card: DataCard, source: Path, rows: Sequence[Row]) -> Iterator[Problem]:
    """Warn of odd masks, once per oddity. What cannot be read is passed over, others report it.

    Args:
        rows: those whose masks are to be decoded.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(partial(_oddities, source), rows))
    for what in (_EMPTY, _SOFT, _COLOURED):
        odd = [row for row, oddities in zip(rows, found, strict=True) if what in oddities]
        if odd:
            yield Problem(
                severity="warning",
                where=odd[0].mask,
                what=f"{len(odd)} of {len(rows)} masks read {what} ({_by_class(card, odd)})",
            )


def _oddities(source: Path, row: Row) -> set[str]:
    import numpy as np
    from PIL import Image

    from trainables.data.structure_mask import INSIDE, structure_levels

    path = source / row.mask
    try:
        mask_hw = structure_levels(path)
        with Image.open(path) as image:
            colours_hwc = np.array(image.convert("RGB")).astype(np.int64)
    except (DatasetError, OSError):
        return set()
    between = (mask_hw >= _BETWEEN[0]) & (mask_hw < _BETWEEN[1])
    holds = {
        _EMPTY: not (mask_hw >= INSIDE).any(),
        _SOFT: between.mean() > _MOST_BETWEEN,
        _COLOURED: (np.ptp(colours_hwc, axis=2) > _MOST_TINT).any(),
    }
    return {what for what, true in holds.items() if true}


def _by_class(card: DataCard, rows: Sequence[Row]) -> str:
    counted = Counter(row.label for row in rows)
    # A label that the card does not know is reported elsewhere.
    return ", ".join(
        f"{number} {card.classes[label]}"
        for label, number in sorted(counted.items(), key=str)
        if label is not None and 0 <= label < len(card.classes)
    )
