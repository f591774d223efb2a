"""Rows of a batch from all ranks, with the gradient that belongs to them.

Legend: n rows of the whole batch, of which each rank has every ``world_size``-th.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed

from trainables.context import Context


def gather(rows: Tensor, context: Context) -> Tensor:
    """Return the rows of the whole batch, in its order, on every rank.

    A loss that every rank computes from them has, averaged over the ranks as DDP does, the gradient
    it would have on one rank. All ranks hold equally many rows. A gradient of a gradient does not
    pass.
    """
    if context.world_size == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows, context.rank, context.world_size)
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, rank: int, world_size: int) -> Tensor:
        ctx.rank, ctx.world_size = rank, world_size
        rows = rows.contiguous()
        parts = [torch.empty_like(rows) for _ in range(world_size)]
        distributed.all_gather(parts, rows)
        # Row j of rank r is row j * world_size + r of the batch.
        return torch.stack(parts, dim=1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        # Every rank has the whole loss, and contributes what passes through its own rows only:
        # the mean over ranks is the sum of these parts once each counts world_size times.
        return grad[ctx.rank :: ctx.world_size] * ctx.world_size, None, None
