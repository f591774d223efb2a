"""The body of the trainable ``embedding_knn``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.analyses.layers import POOLED
from trainables.analyses.layerwise_knn import Vote
from trainables.analyses.trained_model import TrainedTask
from trainables.analyses.trained_neighbours import share_logits, votes_by_layer
from trainables.context import Context
from trainables.metrics.classification import probability_metrics

if TYPE_CHECKING:
    from trainables.embedding_knn import Config


def analyse(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.embedding_knn.run` promises."""
    task = TrainedTask(config, context)
    task.report()
    if not context.final:
        return {}
    test = task.open("test")
    vote = Vote(
        task=test.task, classes=len(test.classes), k=config.k, temperature=config.temperature
    )
    shares_nk = votes_by_layer(task, (POOLED,), vote, test)[POOLED.name]["all"]
    values = probability_metrics(shares_nk.numpy(), test.labels, test.task)
    return task.headline(test, share_logits(shares_nk, test.task), values)
