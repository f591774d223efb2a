"""The state a model was trained from, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from trainables.errors import WeightsError


def initial_tensor(initial: Mapping[str, Tensor], name: str, trained: Tensor) -> Tensor:
    """Return what a tensor of the trained model was before training.

    Raises:
        WeightsError: the initial state has no tensor of this name and shape.
    """
    found = initial.get(name)
    if found is None or found.shape != trained.shape:
        shape = "nothing" if found is None else f"shape {tuple(found.shape)}"
        raise WeightsError(
            f"'{name}' has shape {tuple(trained.shape)}, and {shape} in the initial state: that is "
            "not the state this model was trained from"
        )
    return found
