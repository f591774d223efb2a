"""How far our number is from another one, with an interval that says what it is of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.report.bootstrap import bootstrap_p, resampled
from orchestrator.report.case_metric import CaseMetric
from orchestrator.report.statistics import Statistic
from search_spaces.study import Published

_LEVEL = 0.975  # of a two-sided 95 % interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A difference, ours minus the other.

    Args:
        low, high: its 95 % interval, not corrected for how many there are.
        p: two-sided, of no difference; not corrected either.
        kind: what the interval is, and over how many of what.
    """

    difference: float
    low: float
    high: float
    p: float
    kind: str


def against_published(ours: Statistic, published: Published, kind: str) -> Comparison | None:
    """Compare our mean with a published number; None where ours has no standard error.

    A published spread counts (Welch's test) if the paper says what it is and over how many runs;
    otherwise the published number is taken as exact.

    Args:
        kind: what our standard error is of, for a number taken as exact.
    """
    if not ours.se or not math.isfinite(ours.se):
        return None
    difference = ours.mean - published.value
    theirs = _published_se(published)
    if theirs is None or published.n is None:
        return student(difference, ours.se, ours.n - 1, f"{kind}, n={ours.n}")
    a, b = ours.se**2, theirs**2
    freedom = (a + b) ** 2 / (a**2 / (ours.n - 1) + b**2 / (published.n - 1))
    words = f"Welch's t, n={ours.n} against n={published.n}"
    return student(difference, math.sqrt(a + b), freedom, words)


def student(difference: float, se: float, freedom: float, kind: str) -> Comparison:
    """Return what Student's t says of a difference with a standard error above zero."""
    # Not scipy.stats, which takes seconds to import.
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(freedom, _LEVEL)) * se
    return Comparison(
        difference=difference,
        low=difference - half,
        high=difference + half,
        p=2 * float(stdtr(freedom, -abs(difference) / se)),
        kind=kind,
    )


def over_cases(metric: CaseMetric, other: float) -> Comparison | None:
    """Compare a metric of one run with a number taken as exact.

    Returns:
        None where all resamples are equal, which is no certainty, or the metric has no value on one
        of them, such as the area under a curve without a positive.
    """
    import numpy as np

    (draws,) = resampled([metric])
    if not np.isfinite(draws).all() or math.isclose(draws.min(), draws.max(), abs_tol=1e-12):
        return None
    low, high = np.quantile(draws, (1 - _LEVEL, _LEVEL)) - other
    return Comparison(
        difference=metric.value - other,
        low=float(low),
        high=float(high),
        p=bootstrap_p(draws, other),
        kind=f"bootstrap over {len(metric.cases)} test cases, one seed",
    )


def _published_se(published: Published) -> float | None:
    """Return the standard error of a published mean; None where the paper does not give it."""
    from scipy.special import stdtrit

    n, error = published.n, published.error
    if error is None or n is None or n < 2:
        return None
    if published.error_kind == "sd":
        return error / math.sqrt(n)
    if published.error_kind == "population_se":
        return error * math.sqrt(n / (n - 1))
    if published.error_kind == "ci95":
        return error / float(stdtrit(n - 1, _LEVEL))
    return error if published.error_kind == "se" else None
