"""A batch computed in parts: less memory, and the optimizer step of the whole batch.

The gradients of the parts add up, each weighted so that the loss is the mean over the batch. That
is the same function only where no case's loss depends on the other cases: contrastive losses and
batch norms in training mode see the whole batch, and are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from trainables.errors import ResourceError

BatchT = TypeVar("BatchT")

Split = Callable[[BatchT, int], list[tuple[BatchT, float]]]
"""Batch and number -> so many parts at most, none of them empty, and the weight of each one's loss.

The weighted losses of the parts add up to the loss of the batch.
"""


def has_batch_norm(model: nn.Module) -> bool:
    """Return whether any part of a model normalises by statistics of a batch, in whatever mode."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def why_whole(model: nn.Module, split: Split[BatchT] | None) -> str:
    """Return why a training needs each batch at once; empty when parts will do.

    Args:
        model: in the mode it is trained in.
    """
    if split is None:
        return "its loss compares the cases of a batch"
    if any(isinstance(m, _BatchNorm) and m.training for m in model.modules()):
        return "its batch norms see the whole batch"
    return ""


def require_parts(micro_batches: int, reason: str) -> None:
    """Check that batches may be computed in so many parts.

    Raises:
        ResourceError: they may not, for a reason of :func:`why_whole`.
    """
    if micro_batches > 1 and reason:
        raise ResourceError(
            f"this training cannot compute its batches in {micro_batches} parts, because {reason}: "
            "give it more memory or lower batch_size"
        )


def synchronising(
    module: nn.Module, parts: list[tuple[BatchT, float]]
) -> Iterator[tuple[BatchT, float, AbstractContextManager[None]]]:
    """Yield each part, its weight, and the context of its passes: ranks meet at the last one."""
    for number, (part, weight) in enumerate(parts, start=1):
        if number < len(parts) and isinstance(module, DistributedDataParallel):
            yield part, weight, module.no_sync()
        else:
            yield part, weight, nullcontext()
