"""What differs between one rank and several; the process group belongs to the caller.

On CPU (gloo) batch-norm statistics are those of each rank's own share of the batch; the running
statistics of rank 0 are the ones kept. On CUDA they are those of the global batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from trainables.context import Context


def wrap(model: nn.Module, context: Context) -> nn.Module:
    """Return the module to call in training: the model itself or its DDP wrapper."""
    if context.world_size == 1:
        return model
    device = torch.device(context.device)
    ids = [device] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=ids)


def with_synchronised_norms(model: nn.Module, context: Context) -> nn.Module:
    """Return the model with batch norms that see the global batch, where that is possible."""
    if context.world_size == 1 or torch.device(context.device).type != "cuda":
        return model
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    return converted


def share_buffers(model: nn.Module, context: Context) -> None:
    """Give every rank the buffers of rank 0, so that all of them evaluate one and the same model.

    DDP does so before each training step only: the statistics of the last one still differ.
    """
    if context.world_size > 1:
        for buffer in model.buffers():
            distributed.broadcast(buffer, src=0)


def sum_over_ranks(value: Tensor, context: Context) -> Tensor:
    """Return the sum of every rank's value."""
    if context.world_size > 1:
        value = value.clone()
        distributed.all_reduce(value)
    return value


def shard(cases: int, context: Context) -> Tensor:
    """Return the indices this rank evaluates: every ``world_size``-th case from its rank on."""
    return torch.arange(context.rank, cases, context.world_size)


def gather_rows(rows: Tensor, cases: int, context: Context) -> Tensor:
    """Return on every rank the rows of all cases in order, given those of :func:`shard`."""
    if context.world_size == 1:
        return rows
    longest = -(-cases // context.world_size)
    padded = rows.new_zeros((longest, *rows.shape[1:]))
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(context.world_size)]
    distributed.all_gather(parts, padded)
    # Row j of rank r is case j * world_size + r.
    return torch.stack(parts, dim=1).flatten(0, 1)[:cases]
