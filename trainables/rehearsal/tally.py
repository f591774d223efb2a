"""Count the memory of tensors that have no contents: what a step would hold at its fullest.

Inside :func:`tallied`, tensors know their shape and type only, so that a network of any size is
built and trained in seconds on any machine. Every allocation and release is counted as the
operations make them, in the order of a real step.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

_aten = torch.ops.aten


class _WithoutContents(FakeTensorMode):  # type: ignore[no-untyped-call]
    """Tensors without contents, of which every number that is read is 0: losses that are logged."""

    def dispatch(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do an operation."""
        if func is _aten._local_scalar_dense.default and isinstance(args[0], FakeTensor):
            with unset_fake_temporarily():
                return torch.zeros((), dtype=args[0].dtype).item()
        return super().dispatch(func, types, args, kwargs or {})


class Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follow the bytes that tensors hold.

    Attributes:
        live_bytes: held now.
        peak_bytes: the most that was held at once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        self.live_bytes = 0
        self.peak_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Do an operation and count what it made."""
        del types
        kwargs = kwargs or {}
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if func is _aten.linspace.default or (given and not any(map(_is_fake, given))):
            # Numbers that a network is built by, such as rates of stochastic depth.
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        return tree_map_only(Tensor, self._counted, func(*args, **kwargs))

    def _counted(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        key, held = id(storage), storage.nbytes()
        if key in self._known:
            return tensor

        def release(_: Any) -> None:
            del self._known[key]
            self.live_bytes -= held

        self._known[key] = weakref.ref(storage, release)
        self.live_bytes += held
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        return tensor


@contextmanager
def tallied() -> Iterator[Tally]:
    """Work with tensors that have no contents, and count what they would hold."""
    with _WithoutContents(allow_non_fake_inputs=True), Tally() as tally:
        yield tally


def _is_fake(tensor: Tensor) -> bool:
    return isinstance(tensor, FakeTensor)
