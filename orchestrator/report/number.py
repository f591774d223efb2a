"""How a number is printed: as many decimals as its size allows, its spread named with its n."""

from __future__ import annotations

import math
from collections.abc import Mapping

from orchestrator.report.comparison import Comparison
from orchestrator.report.statistics import Statistic
from search_spaces.study import ErrorKind, Published

_ERROR_NAMES: Mapping[ErrorKind, str] = {
    "sd": "sd",
    "se": "se",
    "population_se": "population se",
    "ci95": "95 % CI",
    "none": "unnamed",
}
_TINY = 1e-3
"""Below it decimals would say next to nothing: such numbers are written with a power of ten."""


def mean_text(statistic: Statistic) -> str:
    """Return ``0.873``."""
    return _text(statistic.mean, statistic.mean, _spread(statistic))


def spread_text(statistic: Statistic) -> str:
    """Return ``± 0.004 (sd, n=3)``, or what stands in its place where there is no spread.

    What was computed from replicates, and is no mean of them, has an interval instead:
    ``(1.02 to 1.10, n=3)``.
    """
    if statistic.n == 1:
        return "(n=1, no spread)"
    if statistic.sd is None:
        interval = interval_text(statistic)
        return f"({interval or 'no interval'}, n={statistic.n})"
    if statistic.sd == 0:
        return f"± 0 (all {statistic.n} equal)"
    return f"± {_text(statistic.sd, statistic.mean, statistic.sd)} (sd, n={statistic.n})"


def interval_text(statistic: Statistic) -> str:
    """Return ``0.863 to 0.883``; empty for one replicate, and for equal ones."""
    if statistic.ci95_low is None or statistic.ci95_high is None:
        return ""
    of = (statistic.mean, _spread(statistic))
    return f"{_text(statistic.ci95_low, *of)} to {_text(statistic.ci95_high, *of)}"


def published_text(published: Published) -> str:
    """Return ``0.870 ± 0.010 (sd, n=5)`` with only the parts the paper gives.

    A number that cannot be right is followed by ``, suspect``.
    """
    of = (published.value, published.error)
    text = _text(published.value, *of)
    if published.error is not None:
        n = f", n={published.n}" if published.n is not None else ", n not given"
        kind = _ERROR_NAMES[published.error_kind]
        text = f"{text} ± {_text(published.error, *of)} ({kind}{n})"
    return f"{text}, suspect" if published.doubt else text


def difference_text(comparison: Comparison) -> str:
    """Return ``-0.005 (95 % -0.253 to +0.243)``."""
    of = (comparison.difference, (comparison.high - comparison.low) / 2)
    difference, low, high = (
        _signed(_text(value, *of))
        for value in (comparison.difference, comparison.low, comparison.high)
    )
    return f"{difference} (95 % {low} to {high})"


def p_text(p: float) -> str:
    """Return ``0.92``, ``0.031``, ``0.004`` or ``< 0.001``."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"


def duration_text(hours: float) -> str:
    """Return ``42 s``, ``3.5 min`` or ``1.25 h``."""
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.1f} min" if hours < 1 else f"{hours:.2f} h"


def setting_text(value: object) -> str:
    """Return a searched value to four digits; the tracking store has all of them."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _spread(statistic: Statistic) -> float | None:
    if statistic.sd is not None or statistic.ci95_low is None or statistic.ci95_high is None:
        return statistic.sd
    return (statistic.ci95_high - statistic.ci95_low) / 2


def _text(value: float, mean: float, spread: float | None) -> str:
    """Return one of the numbers of a mean and its spread, all in one format."""
    size = max((abs(x) for x in (mean, spread or 0.0) if math.isfinite(x)), default=0.0)
    if 0 < size < _TINY:
        return f"{value:.2e}"
    places = 4 if 0 < size < 0.01 else 3 if size < 10 else 2 if size < 100 else 1
    # A spread that would print as zero says nothing: one decimal more shows it.
    if spread is not None and 0 < spread < 0.5 * 10**-places:
        places += 1
    return f"{value:.{places}f}"
