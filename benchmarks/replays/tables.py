"""Learning curves of many configs, trained once, in which a search looks up what it would train.

A search suggests any point of the space; it is told the curve of the config of the table that is
nearest there. Two suggestions near each other get the same curve, so a table has to be dense.

Axes: b configs, r records, p parameters.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.space import Choice, Param, Space

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """What was recorded of the configs of a space.

    Args:
        params: parameter of the space -> its value in every config.
        cost_r: what a trial has spent when it reports a record, rising.
        val_br: what a search is told.
        test_br: what it is not told.
    """

    space: Space
    params: Mapping[str, NDArray[Any]]
    cost_r: Floats
    val_br: Floats
    test_br: Floats

    def nearest(self, params: Mapping[str, Any]) -> int:
        """Return the config with these choices that is the nearest by all ranges, each of length 1.

        Ranges that are logarithmic in the space are so here.
        """
        point = [_coordinate(param, params[name]) for name, param in self.space.items()]
        return int(((self._places_bp - point) ** 2).sum(axis=1).argmin())

    def part(self, rows: NDArray[np.int64]) -> Table:
        """Return the table of some of the configs."""
        return dataclasses.replace(
            self,
            params={name: values[rows] for name, values in self.params.items()},
            val_br=self.val_br[rows],
            test_br=self.test_br[rows],
        )

    @cached_property
    def _places_bp(self) -> Floats:
        columns = [
            [_coordinate(param, value) for value in self.params[name].tolist()]
            for name, param in self.space.items()
        ]
        return np.array(columns).T


def _coordinate(param: Param, value: Any) -> float:
    if isinstance(param, Choice):
        # Farther apart than any two points of all ranges together.
        return 100.0 * param.values.index(value)
    if param.log:
        return math.log(value / param.low) / math.log(param.high / param.low)
    return float((value - param.low) / (param.high - param.low))


def drawn(space: Space, configs: int, seed: int) -> dict[str, NDArray[Any]]:
    """Draw configs as random search does."""
    generator = np.random.default_rng(seed)
    return {name: _draw(param, configs, generator) for name, param in space.items()}


def _draw(param: Param, configs: int, generator: np.random.Generator) -> NDArray[Any]:
    if isinstance(param, Choice):
        return generator.choice(np.array(param.values), configs)
    if param.log:
        return np.exp(generator.uniform(math.log(param.low), math.log(param.high), configs))
    return generator.uniform(param.low, param.high, configs)
