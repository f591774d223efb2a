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

    def covers(self, value: float) -> bool | None:
        """Whether the 95 % interval holds a value; None when there is no interval."""
        if self.ci95_low is None or self.ci95_high is None:
            return None
        return self.ci95_low <= value <= self.ci95_high


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
