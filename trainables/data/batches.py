"""Draw a split of a generated set batch by batch, each with random numbers of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.twins.canvas import Ints

BATCH = 50

Truth = dict[str, npt.NDArray[Any]]
Pictures = tuple[npt.NDArray[np.uint8], Truth]
"""Pixels (n, c, h, w) and the ground truth they were drawn from, n values per column."""


def draw_labels(rng: np.random.Generator, count: int, shares: tuple[float, ...]) -> Ints:
    """Return class indices in random order, as many of each class as its share."""
    # Quotas rather than independent draws: rare classes are in every split.
    upper = np.rint(np.cumsum(shares) / np.sum(shares) * count).astype(np.int64)
    return rng.permutation(np.searchsorted(upper, np.arange(count), side="right"))


def in_batches(
    seed: tuple[str, ...], labels: Ints, draw: Callable[[np.random.Generator, Ints], Pictures]
) -> Pictures:
    """Draw one picture per label, and join pixels and ground truth of all batches.

    Args:
        seed: names what is drawn; the generator of a batch also depends on where it starts.
        labels: (n,) or (n, classes).
        draw: makes the pictures of one batch.
    """
    drawn = [
        draw(np.random.default_rng(seed_from(*seed, start)), labels[start : start + BATCH])
        for start in range(0, len(labels), BATCH)
    ]
    pixels_nchw = np.concatenate([pixels for pixels, _ in drawn])
    return pixels_nchw, {
        name: np.concatenate([truth[name] for _, truth in drawn]) for name in drawn[0][1]
    }
