"""Outputs of many modules from one forward pass.

Axes: n pictures, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from trainables.analyses.eval_mode import evaluating
from trainables.errors import SelectionError, did_you_mean

T = TypeVar("T")


def capture(model: nn.Module, paths: Iterable[str], x_nchw: Tensor) -> dict[str, Tensor]:
    """Return the output of every named module, by its dotted path, in the order asked for.

    Runs in evaluation mode without gradients. Of a module that returns several things, such as
    attention with its weights, the first.

    Raises:
        SelectionError: the model has no module of that path, or does not call it.
    """
    return capture_reduced(model, dict.fromkeys(paths, _itself), x_nchw)


def capture_reduced(
    model: nn.Module, reducers: Mapping[str, Callable[[Tensor], T]], x_nchw: Tensor
) -> dict[str, T]:
    """Return what each reducer makes of its module's output, the moment it is computed.

    The outputs themselves are not kept: those of a batch of a large CNN take gigabytes.

    Raises:
        SelectionError: the model has no module of that path, or does not call it.
    """
    modules = _find(model, reducers)
    kept: dict[str, T] = {}
    handles: list[Any] = []
    try:
        for path, reduce in reducers.items():
            handles.append(modules[path].register_forward_hook(_keep(kept, path, reduce)))
        with evaluating(model):
            model(x_nchw)
    finally:
        for handle in handles:
            handle.remove()
    silent = [path for path in reducers if path not in kept]
    if silent:
        raise SelectionError(f"the model does not call its modules {silent} on pictures")
    return {path: kept[path] for path in reducers}


def _find(model: nn.Module, paths: Iterable[str]) -> dict[str, nn.Module]:
    modules = dict(model.named_modules())
    for path in paths:
        if path not in modules:
            raise SelectionError(f"the model has no module '{path}'.{did_you_mean(path, modules)}")
    return modules


def _keep(
    kept: dict[str, T], path: str, reduce: Callable[[Tensor], T]
) -> Callable[[nn.Module, Any, Any], None]:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        kept[path] = reduce(output[0] if isinstance(output, tuple) else output)

    return hook


def _itself(output: Tensor) -> Tensor:
    return output
