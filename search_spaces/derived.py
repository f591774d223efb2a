"""Tables computed from the cells of another experiment: ratios, gains, steps to converge."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainables.errors import ConfigError

if TYPE_CHECKING:
    from search_spaces.study import Factor, Published

Values = Mapping[tuple[str, ...], float]
"""Levels in the order of their factors -> a number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One replicate of a cell, as far as a derived value may look at it.

    Args:
        value: the metric that the cell's table prints.
        steps, values: the objective as the trial reported it.
        params: the flat config of the trial, such as ``optimizer.lr``.
        metrics: the last value of everything it reported or returned.
    """

    value: float
    steps: tuple[int, ...]
    values: tuple[float, ...]
    params: Mapping[str, Any]
    metrics: Mapping[str, float]


def printed_value(run: Run) -> float:
    """Return the metric that the cell's table prints."""
    return run.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Derived:
    """A table whose numbers follow from the cells of an experiment.

    The mean of ``run_value`` over the replicates of every complete cell goes into ``compute``. Its
    uncertainty is a 95 % interval by percentile bootstrap over the replicates of each cell.

    Args:
        experiment: the experiment whose cells it is computed from.
        factors: of the table. Cells stand under an entry when they agree with it in the factors of
            equal name: they give it its n and its labels.
        compute: means by levels of the experiment -> values by levels of ``factors``. Means of
            cells that are not complete are absent, and so is what would need them. NaN is shown as
            undefined. It is called for every draw of the bootstrap.
        run_value: a replicate -> the number that is averaged.
        published: levels in factor order -> the paper's number.
        columns: names of the factors printed across the top; the others are rows.
        value_name: what a number is, as tables name a metric.
    """

    name: str
    title: str
    experiment: str
    factors: tuple[Factor, ...]
    compute: Callable[[Values], Values]
    run_value: Callable[[Run], float] = printed_value
    published: Mapping[tuple[str, ...], Published] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    value_name: str = "value"

    def __post_init__(self) -> None:
        names = [f.name for f in self.factors]
        if len(set(names)) != len(names) or not names:
            raise ConfigError(f"derived table '{self.name}' needs distinct factors, got {names}")
        for column in self.columns:
            if column not in names:
                raise ConfigError(f"derived table '{self.name}': column '{column}' is no factor")
        grid = set(itertools.product(*(f.levels for f in self.factors)))
        for levels in self.published:
            if levels not in grid:
                raise ConfigError(
                    f"derived table '{self.name}': published {levels} is not in the grid"
                )
