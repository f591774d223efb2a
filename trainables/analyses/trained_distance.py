"""The body of the trainable ``weight_change``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.analyses.layers import numbered
from trainables.analyses.trained_model import TrainedTask, initial_of, layers_of
from trainables.analyses.weight_distance import TOTAL, weight_distances
from trainables.context import Context

if TYPE_CHECKING:
    from trainables.weight_change import Config

_UNDEFINED = "a weight is not finite"


def analyse(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.weight_change.run` promises."""
    task = TrainedTask(config, context)
    layers = layers_of(task.trained)
    task.report()
    if not context.final:
        return {}
    initial = initial_of(task.trained).state_dict()
    distances = weight_distances(task.model, initial, layers)
    total = distances.pop(TOTAL)
    names = numbered(layers)
    by_layer = {names[layer]: value for layer, value in distances.items()}
    numbers = {f"l2/{layer}": value for layer, value in by_layer.items()} | {"l2/total": total}
    test = task.open("test")
    found = task.headline(test, task.logits(test))
    return found | task.write({"layers": by_layer, "total": total}, numbers, _UNDEFINED)
