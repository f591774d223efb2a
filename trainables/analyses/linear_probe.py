"""The body of the probe trainable.

Legend: n cases, d feature width, k classes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from trainables.analyses.frozen import FrozenTask
from trainables.analyses.head_training import Cases, train_head
from trainables.analyses.logistic import LinearProbe, fit_logistic
from trainables.analyses.probe_path import best_of_path
from trainables.concepts.choice import DRAW_SEED, drawn_columns
from trainables.config import seed_from
from trainables.context import Context, State
from trainables.data.open import open_split
from trainables.data.shots import few_shots
from trainables.engine.classifier_files import save_classifier
from trainables.engine.classifier_spec import ClassifierSpec
from trainables.models.heads import Classifier, LinearHead

if TYPE_CHECKING:
    from trainables.probe import Config


class _Layer(NamedTuple):
    """A linear layer on features, or on features of length one.

    Args:
        chosen: metrics of the choice of its epoch or penalty, where there is one.
    """

    weight_kd: Tensor
    bias_k: Tensor
    unit: bool
    chosen: dict[str, float]

    def logits(self, feats_nd: Tensor) -> Tensor:
        read_nd = functional.normalize(feats_nd) if self.unit else feats_nd
        return read_nd @ self.weight_kd.T + self.bias_k


def probe_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.probe.run` promises."""
    task = FrozenTask(config, context, config.resize)
    layer = _train(config, task) if config.fit == "paper" else _solve(config, task)
    if not context.final:
        return {}
    metrics = task.test(layer.logits) | layer.chosen
    if context.is_main:
        _save(layer, config, task, metrics)
    return metrics


def _training_cases(config: Config, task: FrozenTask) -> Cases:
    train = task.train
    feats_nd = task.feats(train)
    if not config.shots:
        return Cases(feats_nd, train.labels)
    seed = DRAW_SEED + task.context.replicate
    rows = few_shots(train.labels, train.classes, config.shots, seed)
    return Cases(feats_nd[rows], train.labels[rows])


def _solve(config: Config, task: FrozenTask) -> _Layer:
    found = task.context.resume()
    state = found[1] if found else _fit_and_report(config, task)
    return _Layer(state["weight_kd"], state["bias_k"], unit=False, chosen=state["chosen"])


def _fit_and_report(config: Config, task: FrozenTask) -> State:
    cases = _training_cases(config, task)
    started = time.perf_counter()
    if config.fit == "path":
        probe, chosen = best_of_path(config, task, cases)
    else:
        probe, chosen = _fit_one(config, task, cases), {}
    extra = {
        "perf/converged": float(probe.converged),
        "perf/fit_s": time.perf_counter() - started,
    }
    state = {"weight_kd": probe.weight_kd, "bias_k": probe.bias_k, "chosen": chosen}
    task.report(probe.logits, extra, state)
    return state


def _fit_one(config: Config, task: FrozenTask, cases: Cases) -> LinearProbe:
    return fit_logistic(
        cases.x_nd,
        cases.labels,
        task=task.train.task,
        classes=task.train.classes,
        inverse_l2=config.inverse_l2,
        max_iter=config.max_iter,
    )


def _train(config: Config, task: FrozenTask) -> _Layer:
    """Train by Adam on columns of features of length one; other columns have weight zero."""
    context, (feats_nd, labels) = task.context, _training_cases(config, task)
    columns = _columns(config, feats_nd.shape[1], context.replicate)
    val = open_split(config.data, "val", context)
    head = LinearHead(len(columns), len(task.train.classes), seed_from(context.seed, "head"))
    trained = train_head(
        head,
        Cases(functional.normalize(feats_nd)[:, columns], labels),
        Cases(functional.normalize(task.feats(val))[:, columns], val.labels),
        val.task,
        config.training.fit_config(),
        context,
    )
    weight_kd = torch.zeros(len(task.train.classes), feats_nd.shape[1])
    weight_kd[:, columns] = head.weight.detach()
    return _Layer(weight_kd, head.bias.detach(), unit=True, chosen=trained.chosen())


def _columns(config: Config, width: int, replicate: int) -> list[int]:
    if config.columns is None:
        return list(range(width))
    if config.column_choice == "first":
        return list(range(min(config.columns, width)))
    return drawn_columns(width, config.columns, DRAW_SEED + replicate)


def _save(layer: _Layer, config: Config, task: FrozenTask, metrics: dict[str, float]) -> None:
    """Write backbone and probe as the classifier they make together."""
    context, train = task.context, task.train
    backbone = task.tower.network()
    head = LinearHead(backbone.dim, len(train.classes), seed=0)
    with torch.no_grad():
        head.weight.copy_(layer.weight_kd)
        head.bias.copy_(layer.bias_k)
    spec = ClassifierSpec(
        backbone=config.backbone,
        classes=train.classes,
        task=train.task,
        transform=task.tower.transform,
        unit_features=layer.unit,
    )
    model = Classifier(backbone, head, unit_features=layer.unit)
    save_classifier(context.artifacts, model, spec, config, metrics)
