"""Strengths of a penalty that are tried together. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from trainables.errors import ConfigError, check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class RegularisationPath:
    """Weights of the data against the L2 penalty, evenly spaced in their logarithm.

    The defaults are the values of DINOv2's logistic regression (Oquab et al., 2023, its code).

    Args:
        low, high: ends, both tried; C in scikit-learn.
        points: how many are tried.
        metric: of the validation, by which one is chosen; the strongest penalty of equals.
    """

    low: float = 1e-6
    high: float = 1e5
    points: int = 45
    metric: str = "val/accuracy"

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < float("inf"):
            raise ConfigError(f"path: low must be > 0 and below high, got {self.low}, {self.high}")
        check_at_least(2, "path.", points=self.points)
        if not self.metric.startswith("val/"):
            raise ConfigError(f"path.metric must be a 'val/' metric, got '{self.metric}'")

    def inverse_l2(self) -> tuple[float, ...]:
        """Return the values, rising."""
        ratio = self.high / self.low
        last = self.points - 1
        inner = (self.low * ratio ** (i / last) for i in range(1, last))
        return (self.low, *inner, self.high)
