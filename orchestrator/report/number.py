"""How a number is printed: as many decimals as its size allows, its spread named with its n."""

from __future__ import annotations

import math

from orchestrator.report.statistics import Statistic
from search_spaces.study import Published

_ERROR_NAMES = {"sd": "sd", "se": "se", "ci95": "95 % CI", "none": "unnamed"}


def mean_text(statistic: Statistic) -> str:
    """Return ``0.873``."""
    return f"{statistic.mean:.{_decimals(statistic.mean, statistic.sd)}f}"


def spread_text(statistic: Statistic) -> str:
    """Return ``± 0.004 (sd, n=3)``, or what stands in its place where there is no spread."""
    if statistic.sd is None:
        return f"(n={statistic.n}, no spread)"
    if statistic.sd == 0:
        return f"± 0 (all {statistic.n} equal)"
    places = _decimals(statistic.mean, statistic.sd)
    return f"± {statistic.sd:.{places}f} (sd, n={statistic.n})"


def interval_text(statistic: Statistic) -> str:
    """Return ``0.863 to 0.883``; empty for one replicate, and for equal ones."""
    if statistic.ci95_low is None or statistic.ci95_high is None:
        return ""
    places = _decimals(statistic.mean, statistic.sd)
    return f"{statistic.ci95_low:.{places}f} to {statistic.ci95_high:.{places}f}"


def published_text(published: Published) -> str:
    """Return ``0.870 ± 0.010 (sd, n=5)`` with only the parts the paper gives."""
    places = _decimals(published.value, published.error)
    text = f"{published.value:.{places}f}"
    if published.error is None:
        return text
    n = f", n={published.n}" if published.n is not None else ", n not given"
    return f"{text} ± {published.error:.{places}f} ({_ERROR_NAMES[published.error_kind]}{n})"


def duration_text(hours: float) -> str:
    """Return ``42 s``, ``3.5 min`` or ``1.25 h``."""
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.1f} min" if hours < 1 else f"{hours:.2f} h"


def setting_text(value: object) -> str:
    """Return a searched value to four digits; the tracking store has all of them."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _decimals(value: float, spread: float | None) -> int:
    size = abs(value) if math.isfinite(value) else 0.0
    places = 3 if size < 10 else 2 if size < 100 else 1
    # A spread that would print as zero says nothing: one decimal more shows it.
    if spread is not None and 0 < spread < 0.5 * 10**-places:
        return places + 1
    return places
