"""What training of a segmenter on several ranks needs beside what the loop does.

Axes: n cases of a rank's share of a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed

from trainables.context import Context
from trainables.errors import ConfigError
from trainables.models.segmenter_card import SegmenterCard


def check_shares(cases: int, batch_size: int, card: SegmenterCard, context: Context) -> None:
    """Check that every share of every batch is large enough for the network's norms.

    On GPUs they see the batch of all ranks, on CPUs a rank sees its own share only.

    Raises:
        ConfigError: one is not.
    """
    if context.world_size == 1 or torch.device(context.device).type == "cuda":
        return
    last = cases % batch_size
    # A last batch of one case is left out.
    smallest = (batch_size if last < 2 else last) // context.world_size
    if smallest < card.least_batch:
        raise ConfigError(
            f"batch_size={batch_size} leaves a worker {smallest} of the last cases, and "
            f"'{card.name}' needs {card.least_batch} at once on CPUs: choose another batch_size or "
            "fewer workers"
        )


def share_of_mean(loss_n: Tensor, counted_n: Tensor, indices: Tensor, context: Context) -> Tensor:
    """Return what, weighted by a rank's share of the batch, adds up to the mean over it.

    The loop weights by cases; the mean is over those that count, which other ranks hold as well.
    """
    parts: list[dict[int, float]] = [{} for _ in range(context.world_size)]
    mine = dict(zip(indices.tolist(), counted_n.tolist(), strict=True))
    distributed.all_gather_object(parts, mine)
    # A rank without a case has borrowed one, which is there twice then.
    batch = {case: counted for part in parts for case, counted in part.items()}
    scale = len(batch) / len(loss_n) / max(sum(batch.values()), 1)
    return (loss_n * counted_n).sum() * scale
