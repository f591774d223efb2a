"""The body of the k-NN trainable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trainables.analyses.frozen import FrozenTask
from trainables.analyses.knn import knn_votes
from trainables.context import Context
from trainables.errors import ConfigError

if TYPE_CHECKING:
    from trainables.knn import Config

_LEAST_SHARE = 1e-9  # of a class without a vote: its logarithm has to be a number


def score_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.knn.run` promises."""
    task = FrozenTask(config, context)
    if task.train.task != "multiclass":
        raise ConfigError(f"knn needs one class per picture, '{config.data.name}' is multilabel")
    stored_nd, labels_n = task.feats(task.train), torch.from_numpy(task.train.labels)

    def logits(feats_nd: Tensor) -> Tensor:
        votes_nk = knn_votes(
            stored_nd,
            labels_n,
            feats_nd,
            k=config.k,
            classes=len(task.train.classes),
            temperature=config.temperature,
        )
        return votes_nk.clamp_min(_LEAST_SHARE).log()

    if context.resume() is None:
        task.report(logits, {}, state={})
    return task.test(logits) if context.final else {}
