"""The body of the trainable ``embedding_similarity``.

Legend: n pictures, d and e widths of the two embeddings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trainables.analyses.cka import summed_cka
from trainables.analyses.layers import POOLED
from trainables.analyses.layerwise_knn import layer_features
from trainables.analyses.trained_model import (
    OTHER,
    Trained,
    TrainedTask,
    check_classes,
    load_trained,
)
from trainables.context import Context
from trainables.data.image_set import ImageSet

if TYPE_CHECKING:
    from trainables.embedding_similarity import Config

_UNDEFINED = "all pictures of every batch have the same features in one of the models"


def analyse(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.embedding_similarity.run` promises."""
    task, other = TrainedTask(config, context), load_trained(context, OTHER)
    task.report()
    if not context.final:
        return {}
    test = task.open("test")
    check_classes(other, test)
    one_nd, two_ne = (_embeddings(task, trained, test) for trained in (task.trained, other))
    size = config.batch_size
    cka = summed_cka(zip(torch.split(one_nd, size), torch.split(two_ne, size), strict=True))
    found = task.headline(test, task.logits(test))
    return found | task.write({"last": cka}, {"cka/last": cka}, _UNDEFINED)


def _embeddings(task: TrainedTask, trained: Trained, images: ImageSet) -> Tensor:
    """Return embeddings of all pictures; centring their products needs the digits of float64."""
    batches = task.batches(images, trained)
    return layer_features(trained.model, (POOLED,), batches)[POOLED.name]["all"].double()
