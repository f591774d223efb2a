"""Parts of a training set, for studies of its size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.errors import DatasetError

Indices = npt.NDArray[np.int64]


def stratified_fraction(labels: npt.NDArray[Any], fraction: float, seed: int) -> Indices:
    """Return the rows of a part of a set, in rising order.

    Parts of one seed are nested: a smaller one is contained in every larger one. Classes keep their
    shares up to one picture; multi-label rows are drawn without regard to their labels.

    Args:
        labels: class index (n,), or 0/1 per class (n, classes).
        fraction: share of the rows, in (0, 1].

    Raises:
        DatasetError: the fraction is out of range, or a class with pictures would have none left.
    """
    if not 0 < fraction <= 1:
        raise DatasetError(f"a fraction of the training pictures must be in (0, 1], got {fraction}")
    order = np.random.default_rng(seed).permutation(len(labels))
    if labels.ndim == 1:
        order = _interleaved(labels, order)
    kept = np.sort(order[: round(fraction * len(labels))])
    _require_every_class(labels, kept, fraction)
    return kept


def _interleaved(labels: npt.NDArray[Any], order: Indices) -> Indices:
    """Reorder rows so that every class is spread evenly from the first row to the last."""
    place = np.empty(len(labels))
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        place[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    # Stable: rows of equal place keep their random order.
    return order[np.argsort(place[order], kind="stable")]


def _require_every_class(labels: npt.NDArray[Any], kept: Indices, fraction: float) -> None:
    present = np.eye(int(labels.max()) + 1)[labels] if labels.ndim == 1 else labels
    whole, left = present.sum(axis=0), present[kept].sum(axis=0)
    emptied = np.flatnonzero((whole > 0) & (left == 0))
    if len(emptied):
        label = emptied[0]
        raise DatasetError(
            f"a fraction of {fraction:g} keeps {len(kept)} of {len(labels)} training pictures and "
            f"none of the {whole[label]:g} of class {label}; take a larger fraction"
        )
