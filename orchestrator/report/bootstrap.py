"""What metrics give on resamples of their test cases."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.report.case_metric import CaseMetric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DRAWS = 10_000
_CHUNK = 2_000_000
"""Cases drawn at once; bounds the memory."""


def resampled(metrics: Sequence[CaseMetric]) -> Floats:
    """Return the values (m, ``DRAWS``) of metrics of the same cases on the same resamples of these.

    A resample has as many cases as there are, drawn with equal chances; the same cases give the
    same draws, so what is computed in two calls is in pairs too.
    """
    import numpy as np

    n = len(metrics[0].cases)
    rng = generator("\n".join(metrics[0].cases))
    rows = max(1, _CHUNK // n)
    parts = []
    for start in range(0, DRAWS, rows):
        weights_bn = _weights(rng, min(rows, DRAWS - start), n)
        parts.append([metric.weigh(weights_bn) for metric in metrics])
    return np.concatenate(parts, axis=1)


def _weights(rng: np.random.Generator, draws: int, n: int) -> Floats:
    """Return how often each of n cases is in each resample (draws, n)."""
    import numpy as np

    drawn = rng.integers(n, size=(draws, n)) + n * np.arange(draws)[:, None]
    counted = np.bincount(drawn.ravel(), minlength=draws * n)
    return counted.reshape(draws, n).astype(np.float64)


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
