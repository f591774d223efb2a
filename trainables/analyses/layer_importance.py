"""What a trained model loses when one layer goes back to its initial state.

Matsoukas et al. 2022, after Zhang et al. 2019, "Are all layers created equal?"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from trainables.analyses.eval_mode import evaluating
from trainables.analyses.initial_state import initial_tensor
from trainables.analyses.layers import Layer

Metrics = Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerImportance:
    """Metrics of the trained model, and of the model with one layer reset, by layer name."""

    trained: Metrics
    reset: Mapping[str, Metrics]

    def drop(self, metric: str) -> dict[str, float]:
        """Return how much the trained model's metric is above that with each layer reset."""
        return {name: self.trained[metric] - found[metric] for name, found in self.reset.items()}


def layer_importance(
    model: nn.Module,
    initial: Mapping[str, Tensor],
    layers: Sequence[Layer],
    evaluate: Callable[[nn.Module], Metrics],
) -> LayerImportance:
    """Evaluate the model as it is and with each layer, alone, in its initial state.

    Parameters and buffers are reset. The model is left bit for bit as it was, also after an error.

    Args:
        initial: the state dict of the model before training.
        evaluate: called with the model in evaluation mode, without gradients.

    Raises:
        WeightsError: the initial state is of another model.
    """
    for layer in layers:
        for name, tensor in _tensors(model, layer):
            initial_tensor(initial, name, tensor)  # fail before anything is evaluated
    with evaluating(model):
        trained = dict(evaluate(model))
        found: dict[str, Metrics] = {}
        for layer in layers:
            with _reset(model, initial, layer):
                found[layer.name] = dict(evaluate(model))
    return LayerImportance(trained=trained, reset=found)


@contextmanager
def _reset(model: nn.Module, initial: Mapping[str, Tensor], layer: Layer) -> Iterator[None]:
    kept = [(tensor, tensor.clone()) for _, tensor in _tensors(model, layer)]
    try:
        for name, tensor in _tensors(model, layer):
            tensor.copy_(initial_tensor(initial, name, tensor))
        yield
    finally:
        for tensor, trained in kept:
            tensor.copy_(trained)


def _tensors(model: nn.Module, layer: Layer) -> Iterator[tuple[str, Tensor]]:
    """Yield a layer's parameters and buffers, which share memory with the model's, by name."""
    # The prefix of a state dict is exact: 'layer3.1' does not find 'layer3.10'.
    yield from model.get_submodule(layer.path).state_dict(prefix=f"{layer.path}.").items()
