"""How far fine-tuning moved every layer (Matsoukas et al. 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from trainables.analyses.initial_state import initial_tensor
from trainables.analyses.layers import Layer

TOTAL = "total"

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm)


def weight_distances(
    model: nn.Module, initial: Mapping[str, Tensor], layers: Sequence[Layer]
) -> dict[str, float]:
    """Return the distance of every layer from its initial state, and their mean as ``total``.

    A layer's distance is the mean over its parameters, norms left out, of :func:`distance`.

    Args:
        initial: the state dict of the model before training.

    Raises:
        WeightsError: the initial state is of another model.
    """
    distances = {}
    for layer in layers:
        module = model.get_submodule(layer.path)
        moved = dict(_parameters(module, f"{layer.path}."))
        distances[layer.name] = fmean(
            distance(final, initial_tensor(initial, name, final)) for name, final in moved.items()
        )
    return {**distances, TOTAL: fmean(distances.values())}


def distance(final: Tensor, initial: Tensor) -> float:
    """Return the Euclidean distance divided by the number of elements, in float64.

    Not by its square root: the paper's numbers are of this definition.
    """
    moved = final.detach().cpu().double() - initial.detach().cpu().double()
    return float(moved.norm()) / moved.numel()


def _parameters(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the parameters of a module that no norm owns, by their name in the model."""
    for name, owner in module.named_modules():
        # By type: the norm of a residual shortcut has a number for a name.
        if not isinstance(owner, _NORMS):
            for leaf, parameter in owner.named_parameters(recurse=False):
                yield f"{prefix}{name}.{leaf}" if name else f"{prefix}{leaf}", parameter
