"""A few training pictures per class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.errors import DatasetError


def few_shots(
    labels: npt.NDArray[Any], classes: Sequence[str], shots: int, seed: int
) -> npt.NDArray[np.int64]:
    """Return the rows of so many pictures of every class, in rising order.

    Draws of one seed are nested: those of fewer shots are among those of more.

    Raises:
        DatasetError: the set is multilabel, or a class has fewer pictures.
    """
    if labels.ndim != 1:
        raise DatasetError("shots are counted per class: a multilabel set has no such classes")
    order = np.random.default_rng(seed).permutation(len(labels))
    drawn = []
    for label, name in enumerate(classes):
        rows = order[labels[order] == label]
        if len(rows) < shots:
            raise DatasetError(
                f"class '{name}' has {len(rows)} training pictures, shots={shots} asks for more"
            )
        drawn.append(rows[:shots])
    return np.sort(np.concatenate(drawn))
