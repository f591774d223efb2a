"""Outputs of a model for every picture of a set, shared between the ranks.

Legend: n pictures, k outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.context import Context, NonFiniteLossError
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.engine.batches import image_batches
from trainables.engine.config import Precision
from trainables.engine.distributed import gather_rows, shard
from trainables.engine.precision import autocast


def predict_logits(
    model: nn.Module,
    images: ImageSet,
    transform: EvalTransform | TrainTransform,
    batch_size: int,
    precision: Precision,
    context: Context,
) -> tuple[Tensor, Tensor]:
    """Return (logits_nk, labels) of all pictures in order, float32 on the CPU, on every rank.

    The model is left in the mode it came in. ``batch_size`` counts over all ranks together.

    Raises:
        NonFiniteLossError: an output is NaN or infinite.
    """
    was_training = model.training
    model.eval()
    size = max(1, batch_size // context.world_size)
    parts = []
    with torch.inference_mode(), autocast(precision, context.device):
        index_batches = list(torch.split(shard(len(images), context), size))
        for batch in image_batches(
            images, transform, index_batches, context.device, context.loader_workers
        ):
            parts.append(model(batch.x_nchw).float())
        logits_nk = gather_rows(torch.cat(parts), len(images), context)
    model.train(was_training)
    if not bool(torch.isfinite(logits_nk).all()):
        # A last step can throw the weights out of range after its own loss was still a number.
        raise NonFiniteLossError(
            f"trial {context.trial_id}: outputs for {images.name}/{images.split} are not finite"
        )
    # A clone made outside inference mode is an ordinary tensor again.
    return logits_nk.cpu().clone(), torch.from_numpy(images.labels)
