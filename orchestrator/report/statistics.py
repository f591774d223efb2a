"""Mean and spread of a handful of replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistic:
    """Summary of n values; everything but the mean needs n >= 2 and is None otherwise.

    Equal values have no interval: the seed changed nothing, and a width of zero is no certainty.

    Args:
        sd: sample standard deviation, n - 1 in the denominator.
        se: standard error of the mean, sd / sqrt(n).
        ci95_low, ci95_high: 95 % interval of the mean, Student's t with n - 1 degrees of freedom.
    """

    n: int
    mean: float
    sd: float | None = None
    se: float | None = None
    ci95_low: float | None = None
    ci95_high: float | None = None


def summarise(values: Sequence[float]) -> Statistic | None:
    """Summarise values; None if there are none. A NaN among them makes everything NaN."""
    n = len(values)
    if n == 0:
        return None
    mean = fmean(values)
    if n == 1:
        return Statistic(n=1, mean=mean)
    if not all(math.isfinite(v) for v in values):
        nan = math.nan
        return Statistic(n=n, mean=mean, sd=nan, se=nan, ci95_low=nan, ci95_high=nan)
    sd = stdev(values)
    if sd == 0:
        return Statistic(n=n, mean=mean, sd=0.0, se=0.0)
    # Not scipy.stats, which takes seconds to import.
    from scipy.special import stdtrit

    se = sd / math.sqrt(n)
    half = float(stdtrit(n - 1, 0.975)) * se
    return Statistic(n=n, mean=mean, sd=sd, se=se, ci95_low=mean - half, ci95_high=mean + half)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that the chance of any false alarm among them stays theirs.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for rank, index in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted
