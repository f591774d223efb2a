"""How well pairs of held-out pictures and captions find each other.

Axes: n pairs, d width, k pairs of one batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.alignment.captions import Pairs
from trainables.alignment.pair_batches import pair_batches
from trainables.alignment.pair_loss import symmetric_loss
from trainables.alignment.pair_model import Aligned, PairModel
from trainables.context import Context
from trainables.data.transforms import EvalTransform
from trainables.engine.config import Precision
from trainables.engine.distributed import gather_rows, shard
from trainables.engine.precision import autocast

_RECALLS = (1, 5, 10)
_ROWS_AT_ONCE = 1024
# The same caption of several pictures has one vector but for rounding, which must not rank them.
_TIE = 1e-5


@torch.inference_mode()
def embed_pairs(
    model: PairModel,
    pairs: Pairs,
    transform: EvalTransform,
    batch_size: int,
    precision: Precision,
    context: Context,
) -> Aligned:
    """Return the vectors of all pairs in order, float32, on every rank."""
    model.eval()
    mine = torch.split(shard(len(pairs), context), batch_size)
    width = model.texts.tower.text_projection.shape[1]
    images = [torch.empty(0, width, device=context.device)]
    texts = [torch.empty(0, width, device=context.device)]
    batches = [indices for indices in mine if len(indices)]
    for batch in pair_batches(pairs, model.texts, transform, batches, context):
        with autocast(precision, context.device):
            found = model(batch.x_nchw, batch.ids_nt)
        images.append(found.images_nd.float())
        texts.append(found.texts_nd.float())
    return Aligned(
        gather_rows(torch.cat(images), len(pairs), context),
        gather_rows(torch.cat(texts), len(pairs), context),
        model.log_scale.detach().exp(),
    )


@torch.inference_mode()
def retrieval_metrics(found: Aligned, batch_size: int) -> dict[str, float]:
    """Return the contrastive loss within batches, and recall among all pairs.

    The loss is that of OpenCLIP's validation: the mean over pairs, each compared with its batch of
    neighbours in file order. ``<from>_to_<to>_r<k>`` is the share of pairs of which at most k - 1
    others score higher than the pair itself. An equal caption of another picture does not; another
    caption of the same picture may.
    """
    splits = [torch.split(rows, batch_size) for rows in (found.images_nd, found.texts_nd)]
    total = sum(
        float(symmetric_loss(found.scale * images_kd @ texts_kd.T)) * len(images_kd)
        for images_kd, texts_kd in zip(*splits, strict=True)
    )
    metrics = {"contrastive_loss": total / len(found.images_nd)}
    ways = {
        "image_to_text": _places(found.images_nd, found.texts_nd),
        "text_to_image": _places(found.texts_nd, found.images_nd),
    }
    for way, place_n in ways.items():
        for k in _RECALLS:
            metrics[f"{way}_r{k}"] = float((place_n < k).float().mean())
    return metrics


def _places(queries_nd: Tensor, keys_nd: Tensor) -> Tensor:
    """Return how many keys score higher with each query than its own, (n)."""
    places = []
    for first in range(0, len(queries_nd), _ROWS_AT_ONCE):
        scores = queries_nd[first : first + _ROWS_AT_ONCE] @ keys_nd.T
        own = scores.diagonal(first)[:, None]
        places.append((scores > own + _TIE).sum(dim=1))
    return torch.cat(places)
