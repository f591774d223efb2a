"""Which state of a run is kept.

* ``first_best``: the validation with the largest value, the first of equals.
* ``paper``: as Matsoukas et al. (CVPR 2022) do: the value rounded to 3 decimals has to be strictly
  greater than the best so far, which starts at 0 with the initial weights. Values that differ less
  are equal, and a run that never rises above 0 ends with the weights it began with.
* ``lowest``: the validation with the smallest value, as of a loss, the first of equals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from trainables.context import State
from trainables.engine.config import Selection
from trainables.errors import ConfigError, did_you_mean


@dataclass(kw_only=True, slots=True)
class Best:
    """The state that validation likes best so far, on the CPU; epoch 0 is the initial one.

    Its value is what validations are compared by, see :func:`selection_value`. ``ties`` counts the
    later validations that were as good: on a small validation split many are.
    """

    value: float
    epoch: int
    model: State
    ties: int = 0


def selection_value(metrics: Mapping[str, float], name: str, selection: Selection) -> float:
    """Return the number that validations are compared by: the largest is the best.

    An undefined one loses against any other.

    Raises:
        ConfigError: there is no metric of this name.
    """
    if name not in metrics:
        raise ConfigError(f"no metric '{name}' to select by.{did_you_mean(name, metrics)}")
    value = metrics[name]
    if math.isnan(value):
        return float("-inf")
    if selection == "lowest":
        return -value
    return round(value, 3) if selection == "paper" else value


def snapshot(model: nn.Module) -> State:
    """Return a copy of the model's state on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
