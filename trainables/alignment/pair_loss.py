"""CLIP's loss over pairs of a picture and a text, on one rank or several, as OpenCLIP computes it.

Four ways give one and the same value, averaged over the ranks, and different gradients:

=========== ================= ===================================== ======================
local_loss  gather_with_grad  gradient of the towers                gradient of the scale
=========== ================= ===================================== ======================
no          no                1/world of that on one rank           that on one rank
no          yes               that on one rank                      that on one rank
yes         yes               that on one rank                      that on one rank
yes         no                terms are missing                     that on one rank
=========== ================= ===================================== ======================

(the gradients being averaged over the ranks, as DDP does). The first is what OpenCLIP's training
does unless told otherwise; AdamW hides a constant factor but for its eps and a bound on the norm.

Axes: b pairs of this rank, m pairs of the whole batch, d width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional

from trainables.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class PairLoss:
    """How the loss is shared between ranks.

    Args:
        local_loss: a rank compares its own pairs only with the whole batch, b x m logits; else
            every rank computes the loss of all pairs, m x m.
        gather_with_grad: what comes from other ranks carries a gradient back to them.
    """

    local_loss: bool = True
    gather_with_grad: bool = True

    def __call__(
        self, images_bd: Tensor, texts_bd: Tensor, scale: Tensor, context: Context
    ) -> Tensor:
        """Return the mean of both directions; every other pair of the batch is a negative.

        All ranks hold equally many pairs. The arithmetic is float32 whatever surrounds it.

        Args:
            images_bd, texts_bd: vectors of length one.
            scale: what their cosines are multiplied by.
        """
        with torch.autocast(images_bd.device.type, enabled=False):
            images_bd, texts_bd = images_bd.float(), texts_bd.float()
            images_md = self._gather(images_bd, context)
            texts_md = self._gather(texts_bd, context)
            if not self.local_loss:
                return symmetric_loss(scale * images_md @ texts_md.T)
            own_b = context.rank * len(images_bd) + torch.arange(len(images_bd))
            own_b = own_b.to(images_bd.device)
            to_texts = functional.cross_entropy(scale * images_bd @ texts_md.T, own_b)
            to_images = functional.cross_entropy(scale * texts_bd @ images_md.T, own_b)
            return (to_texts + to_images) / 2

    def _gather(self, rows_bd: Tensor, context: Context) -> Tensor:
        """Return the rows of all ranks, rank by rank."""
        if context.world_size == 1:
            return rows_bd
        if self.gather_with_grad:
            gathered: Tensor = _Gather.apply(rows_bd, context.rank, context.world_size)
            return gathered
        parts = _all_gathered(rows_bd.detach(), context.world_size)
        if not self.local_loss:
            # The whole loss is computed here too: what is this rank's own carries its gradient.
            parts[context.rank] = rows_bd
        return torch.cat(parts)


def symmetric_loss(logits_mm: Tensor) -> Tensor:
    """Return the mean of both directions' cross-entropy, where pair i is row i and column i."""
    own_m = torch.arange(len(logits_mm), device=logits_mm.device)
    to_texts = functional.cross_entropy(logits_mm, own_m)
    return (to_texts + functional.cross_entropy(logits_mm.T, own_m)) / 2


def _all_gathered(rows_bd: Tensor, world_size: int) -> list[Tensor]:
    rows_bd = rows_bd.contiguous()
    parts = [torch.empty_like(rows_bd) for _ in range(world_size)]
    distributed.all_gather(parts, rows_bd)
    return parts


class _Gather(torch.autograd.Function):
    """Rows of all ranks, rank by rank; every rank's gradient of them goes back to their owner."""

    @staticmethod
    def forward(ctx: Any, rows_bd: Tensor, rank: int, world_size: int) -> Tensor:
        ctx.rank, ctx.world_size = rank, world_size
        return torch.cat(_all_gathered(rows_bd, world_size))

    @staticmethod
    def backward(ctx: Any, grad_md: Tensor) -> tuple[Tensor, None, None]:
        # Ranks compute different losses, so each owner needs the sum of all their gradients.
        summed_md = grad_md.contiguous().clone()
        distributed.all_reduce(summed_md)
        return summed_md.chunk(ctx.world_size)[ctx.rank], None, None
