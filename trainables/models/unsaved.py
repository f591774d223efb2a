"""A frozen part of a model that follows from its config, so that no checkpoint has to hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class Unsaved(nn.Module, Generic[ModuleT]):
    """Moves a frozen module along with its owner; its parameters are none of the owner's.

    It also stays in the mode it has, evaluation, when its owner trains.
    """

    def __init__(self, module: ModuleT) -> None:
        super().__init__()
        # In a tuple PyTorch does not see it.
        self._held = (module.eval().requires_grad_(False),)

    @property
    def module(self) -> ModuleT:
        """The frozen module."""
        return self._held[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        # What moves a model to a device or another number format goes through here.
        self.module._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
