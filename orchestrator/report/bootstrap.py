"""Means of resampled values, many at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

DRAWS = 10_000
_FEW = 32
"""Distinct values that are cheaper to count than to draw one by one."""
_CHUNK = 2_000_000
"""Values drawn at once; bounds the memory."""


def bootstrap_means(values: ArrayLike, name: str) -> Floats:
    """Return the means of ``DRAWS`` resamples of the values, each as large as they are.

    Args:
        values: drawn independently and with equal chances.
        name: of what is drawn: the same name and values give the same draws.
    """
    import numpy as np

    every = np.asarray(values, dtype=np.float64)
    rng = generator(name)
    distinct, counts = np.unique(every, return_counts=True)
    if len(distinct) <= _FEW:
        drawn = rng.multinomial(len(every), counts / len(every), size=DRAWS)
        return np.asarray(drawn @ distinct / len(every), dtype=np.float64)
    rows = max(1, _CHUNK // len(every))
    parts = [
        every[rng.integers(len(every), size=(min(rows, DRAWS - start), len(every)))].mean(axis=1)
        for start in range(0, DRAWS, rows)
    ]
    return np.concatenate(parts)


def generator(name: str) -> Any:
    """Return a generator of random numbers that depends on a name only."""
    import numpy as np

    seed = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng(int.from_bytes(seed[:8], "big"))


def bootstrap_p(draws: Floats, value: float) -> float:
    """Return the two-sided p-value of a value, from what resamples gave; never zero."""
    import numpy as np

    tail = min(np.count_nonzero(draws <= value), np.count_nonzero(draws >= value))
    return float(min(1.0, 2 * (tail + 1) / (len(draws) + 1)))
