"""Medians of what may be infinite, and bootstrapped intervals.

Axes: g groups, s searches of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000


def median(values: NDArray[Any], axis: int = -1) -> Any:
    """Return the lower median, which needs no arithmetic with infinity."""
    return np.quantile(values, 0.5, axis=axis, method="inverted_cdf")


def interval(values_gs: NDArray[Any], statistic: Callable[..., Any]) -> tuple[float, float]:
    """Return the middle 95 % of a statistic of all values, drawn with replacement.

    Groups are drawn first, then as many values of each.

    Args:
        statistic: takes an array and ``axis=``.
    """
    groups, searches = values_gs.shape
    generator = np.random.default_rng(0)
    group_dg1 = generator.integers(groups, size=(DRAWS, groups, 1))
    search_dgs = generator.integers(searches, size=(DRAWS, groups, searches))
    drawn = values_gs[group_dg1, search_dgs].reshape(DRAWS, groups * searches)
    low, high = np.quantile(statistic(drawn, axis=1), [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)


def mean_band(values_sx: NDArray[Any]) -> NDArray[Any]:
    """Return the middle 95 % of each column's mean, rows drawn with replacement, (2, x)."""
    searches = len(values_sx)
    generator = np.random.default_rng(0)
    counts_ds = generator.multinomial(searches, np.full(searches, 1 / searches), size=DRAWS)
    return np.quantile(counts_ds @ values_sx / searches, [0.025, 0.975], axis=0)
