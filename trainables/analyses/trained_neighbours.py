"""The body of the trainable ``layer_knn``.

Legend: n pictures, c classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trainables.analyses.layers import POOLED, Layer, numbered
from trainables.analyses.layerwise_knn import (
    LayerTensors,
    Vote,
    layer_features,
    layerwise_probabilities,
)
from trainables.analyses.pooling import FeatureKind
from trainables.analyses.trained_model import TrainedTask, layers_of
from trainables.context import Context
from trainables.data.card import Task
from trainables.data.image_set import ImageSet
from trainables.engine.classifier_files import set_to_initial
from trainables.metrics.classification import probability_metrics

if TYPE_CHECKING:
    from trainables.layer_knn import Config

_LEAST_SHARE = 1e-9  # of a class without a vote: its logit has to be a number
_UNDEFINED = "the metric is not defined for these labels and votes"

Values = dict[str, dict[FeatureKind, dict[str, float]]]
"""``00_conv1`` -> kind of feature -> metric -> value."""


def analyse(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.layer_knn.run` promises."""
    task = TrainedTask(config, context)
    layers = layers_of(task.trained)
    task.report()
    if not context.final:
        return {}
    if config.state == "initial":
        set_to_initial(task.model, task.trained.folder)
    test = task.open("test")
    vote = Vote(
        task=test.task,
        classes=len(test.classes),
        k=config.k,
        temperature=config.temperature,
        strict=config.strict,
    )
    votes = votes_by_layer(task, (*layers, POOLED), vote, test)
    values = _values(votes, numbered(layers) | {POOLED.name: POOLED.name}, test)
    whole = values[POOLED.name]["all"]
    numbers = {
        f"knn/{layer}/{kind}": metrics[task.metric]
        for layer, kinds in values.items()
        for kind, metrics in kinds.items()
        if layer != POOLED.name
    }
    numbers[f"knn/{POOLED.name}"] = whole[task.metric]
    found = task.headline(test, share_logits(votes[POOLED.name]["all"], test.task), whole)
    return found | task.write({"layers": values, "state": config.state}, numbers, _UNDEFINED)


def share_logits(shares_nc: Tensor, task: Task) -> Tensor:
    """Return logits whose softmax (multiclass) or sigmoid (multilabel) are the shares."""
    if task == "multilabel":
        return shares_nc.double().logit(eps=_LEAST_SHARE).float()
    return shares_nc.clamp_min(_LEAST_SHARE).log()


def votes_by_layer(
    task: TrainedTask, layers: Sequence[Layer], vote: Vote, test: ImageSet
) -> LayerTensors:
    """Return the shares of the vote of all training pictures on test pictures, (n, c)."""
    train = task.open("train")
    bank = layer_features(task.model, layers, task.batches(train))
    queries = layer_features(task.model, layers, task.batches(test))
    labels = torch.from_numpy(train.labels)
    return layerwise_probabilities(bank, labels, queries, vote, task.context.device)


def _values(votes: LayerTensors, names: Mapping[str, str], test: ImageSet) -> Values:
    return {
        names[layer]: {
            kind: probability_metrics(shares_nc.numpy(), test.labels, test.task)
            for kind, shares_nc in kinds.items()
        }
        for layer, kinds in votes.items()
    }
