"""Which cases make which optimizer step, for any number of ranks."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.errors import DatasetError


def global_batches(cases: int, batch_size: int, seed: int, drop_last: bool = False) -> list[Tensor]:
    """Return the shuffled index batches of one epoch over all ranks together.

    A last batch of a single case is left out: batch statistics of one case are not defined. With
    ``drop_last`` every last batch that is not full is.

    Raises:
        DatasetError: fewer than two cases, or not one full batch when only those count.
    """
    if cases < 2:
        raise DatasetError(f"training needs at least two pictures, got {cases}: raise data.limit")
    if drop_last and cases < batch_size:
        raise DatasetError(
            f"{cases} pictures do not fill one batch of {batch_size}, and drop_last leaves out the "
            "rest: lower batch_size or train on more"
        )
    order = torch.randperm(cases, generator=torch.Generator().manual_seed(seed))
    batches = list(torch.split(order, batch_size))
    least = batch_size if drop_last else 2
    return batches[:-1] if len(batches[-1]) < least else batches


def local_share(batch: Tensor, rank: int, world_size: int) -> tuple[Tensor, float]:
    """Return this rank's part of a global batch and the weight of its mean loss.

    With these weights the gradient that DDP averages over the ranks is that of the mean loss over
    the global batch, also when the parts have unequal sizes. A rank that is left without a case
    takes the first one at weight 0, because every rank has to take part in every step.
    """
    part = batch[rank::world_size]
    if len(part) == 0:
        return batch[:1], 0.0
    return part, len(part) * world_size / len(batch)
