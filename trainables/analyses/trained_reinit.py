"""The body of the trainable ``layer_reinit``."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from trainables.analyses.layer_importance import layer_importance
from trainables.analyses.layers import numbered
from trainables.analyses.trained_model import TrainedTask, initial_of, layers_of
from trainables.context import Context

if TYPE_CHECKING:
    from trainables.layer_reinit import Config

_UNDEFINED = "the metric is not defined for these labels and predictions"


def analyse(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.layer_reinit.run` promises."""
    task = TrainedTask(config, context)
    layers = layers_of(task.trained)
    task.report()
    if not context.final:
        return {}
    initial = initial_of(task.trained).state_dict()
    test = task.open("test")
    found = task.headline(test, task.logits(test))
    importance = layer_importance(
        task.model, initial, layers, lambda _: task.metrics(task.logits(test), test)
    )
    drop, names = importance.drop(task.metric), numbered(layers)
    numbers = {f"reinit/{names[k]}": row[task.metric] for k, row in importance.reset.items()}
    numbers |= {f"drop/{names[layer]}": lost for layer, lost in drop.items()}
    numbers["drop/mean"] = fmean(drop.values())
    reset = {names[layer]: row for layer, row in importance.reset.items()}
    content = {"trained": importance.trained, "reset": reset}
    return found | task.write(content, numbers, _UNDEFINED)
