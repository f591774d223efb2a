"""The body of the trainable ``layer_similarity``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from trainables.analyses.cka import WITHIN, Pair, Similarity, layer_similarity
from trainables.analyses.layers import HEAD, Layer, numbered
from trainables.analyses.trained_model import (
    MODEL,
    OTHER,
    Trained,
    TrainedTask,
    check_classes,
    initial_of,
    layers_of,
    load_trained,
)
from trainables.context import Context
from trainables.data.image_set import ImageSet
from trainables.errors import ConfigError
from trainables.models.heads import Classifier

if TYPE_CHECKING:
    from trainables.layer_similarity import Config

# In the paper the model's weights were transferred, and of the other one their statistics only.
_BETWEEN: Pair = ("wt", "st")
_UNDEFINED = "all pictures of a batch have the same features at this layer"


def analyse(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.layer_similarity.run` promises."""
    task = TrainedTask(config, context)
    layers = [layer for layer in layers_of(task.trained) if layer.name != HEAD]
    task.report()
    if not context.final:
        return {}
    test = task.open("test")
    models, pairs = _compared(config, task, test)
    similarity = layer_similarity(models, pairs, layers, task.batches(test), config.aggregate)
    # The pair of different models; the others compare a model with itself.
    pair = next((rows, columns) for rows, columns in pairs if rows != columns)
    diagonal = similarity[pair]["all"].diagonal().tolist()
    names = numbered(layers)
    numbers = {f"cka/{names[k.name]}": v for k, v in zip(layers, diagonal, strict=True)}
    numbers["cka/mean"] = fmean(diagonal)
    found = task.headline(test, task.logits(test))
    return found | task.write(_content(similarity, layers), numbers, _UNDEFINED)


def _compared(
    config: Config, task: TrainedTask, test: ImageSet
) -> tuple[Mapping[str, Classifier], Sequence[Pair]]:
    if config.compare == "initial":
        return {"trained": task.model, "initial": initial_of(task.trained)}, WITHIN
    other = load_trained(task.context, OTHER)
    check_classes(other, test)
    _check_same_kind(task.trained, other)
    rows, columns = _BETWEEN
    return {rows: task.model, columns: other.model}, (_BETWEEN,)


def _check_same_kind(model: Trained, other: Trained) -> None:
    for what in ("architecture", "transform"):
        one, two = (_described(trained)[what] for trained in (model, other))
        if one != two:
            raise ConfigError(
                f"inputs '{MODEL}' in {model.folder} and '{OTHER}' in {other.folder} differ in "
                f"{what}: {one} and {two}. Compare models of one architecture that see the same "
                "pixels"
            )


def _described(trained: Trained) -> dict[str, object]:
    backbone = trained.model.backbone
    # Cards have a fixed architecture, but blocks at their end may be left out.
    architecture = f"{backbone.card.name} with {len(layers_of(trained))} layers"
    return {"architecture": architecture, "transform": trained.spec.transform}


def _content(similarity: Similarity, layers: Sequence[Layer]) -> dict[str, object]:
    kinds: dict[str, dict[str, list[list[float]]]] = {}
    for (rows, columns), found in similarity.items():
        for kind, cka_ll in found.items():
            kinds.setdefault(kind, {})[f"{rows}-{columns}"] = cka_ll.tolist()
    return {"layers": [layer.name for layer in layers], "kind": kinds}
