"""Batches of pairs on a device.

Axes: n pairs, c channels, h rows, w columns, t tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.alignment.captions import Pairs
from trainables.context import Context
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.engine.batches import image_batches
from trainables.models.clip_text import ClipText


class PairBatch(NamedTuple):
    """Pictures, float32, and the tokens of their captions."""

    x_nchw: Tensor
    ids_nt: Tensor


def pair_batches(
    pairs: Pairs,
    texts: ClipText,
    transform: EvalTransform | TrainTransform,
    index_batches: Sequence[Tensor],
    context: Context,
) -> Iterator[PairBatch]:
    """Yield one batch per list of indices, in that order.

    A caption that is too long for the text tower loses its end, as in OpenCLIP: reports do.

    Raises:
        DatasetError: a picture cannot be read.
    """
    pictures = [torch.from_numpy(pairs.picture_n[i.numpy()]).long() for i in index_batches]
    loaded = image_batches(
        pairs.images, transform, pictures, context.device, context.loader_workers
    )
    for indices, batch in zip(index_batches, loaded, strict=True):
        yield PairBatch(batch.x_nchw, texts.cut_token_ids(pairs.captions(indices.tolist())))
