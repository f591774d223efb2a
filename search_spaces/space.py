"""Search spaces in plain data: what Optuna may vary, by dotted config key."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from trainables.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatRange:
    """A float in [low, high], log-uniform if ``log``."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigError(f"range needs low < high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ConfigError(f"a log range needs low > 0, got {self.low}")


@dataclass(frozen=True, kw_only=True, slots=True)
class IntRange:
    """An integer in [low, high], log-uniform if ``log``."""

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigError(f"range needs low < high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ConfigError(f"a log range needs low > 0, got {self.low}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of a few values."""

    values: tuple[str | int | float | bool, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) < max(len(self.values), 2):
            raise ConfigError(f"a choice needs two or more different values, got {self.values}")


Param = FloatRange | IntRange | Choice
Space = dict[str, Param]
"""Dotted config key -> what it may be."""


def size(space: Space) -> float:
    """Return how many different points a space has; infinite with a float in it."""
    total = 1.0
    for param in space.values():
        if isinstance(param, FloatRange):
            return math.inf
        total *= len(param.values) if isinstance(param, Choice) else param.high - param.low + 1
    return total


def points(space: Space) -> list[dict[str, Any]]:
    """Return every point of a finite space, the last parameter changing fastest.

    Raises:
        ConfigError: a float range has no end of points.
    """
    axes: list[tuple[Any, ...]] = []
    for name, param in space.items():
        if isinstance(param, FloatRange):
            raise ConfigError(f"'{name}' is a range of floats, which a grid cannot list")
        if isinstance(param, Choice):
            axes.append(param.values)
        else:
            axes.append(tuple(range(param.low, param.high + 1)))
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*axes)]


def spread(every: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """Return n of the points, evenly spaced and with both ends; all of them if there are fewer."""
    if n >= len(every):
        return every
    if n == 1:
        return [every[len(every) // 2]]
    return [every[round(i * (len(every) - 1) / (n - 1))] for i in range(n)]
