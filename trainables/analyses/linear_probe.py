"""The body of the probe trainable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from trainables.analyses.frozen import FrozenTask
from trainables.analyses.logistic import LinearProbe, fit_logistic
from trainables.context import Context
from trainables.engine.classifier_files import save_classifier
from trainables.engine.classifier_spec import ClassifierSpec
from trainables.features import feature_seed
from trainables.models.factory import create_backbone
from trainables.models.heads import Classifier, LinearHead

if TYPE_CHECKING:
    from trainables.probe import Config


def probe_and_test(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.probe.run` promises."""
    task = FrozenTask(config, context)
    found = context.resume()
    probe = LinearProbe(**found[1]) if found else _fit_and_report(config, task)
    if not context.final:
        return {}
    metrics = task.test(probe.logits)
    if context.is_main:
        _save(probe, config, task, metrics)
    return metrics


def _fit_and_report(config: Config, task: FrozenTask) -> LinearProbe:
    train = task.train
    feats_nd = task.feats(train)
    started = time.perf_counter()
    probe = fit_logistic(
        feats_nd,
        train.labels,
        task=train.task,
        classes=train.classes,
        inverse_l2=config.inverse_l2,
        max_iter=config.max_iter,
    )
    extra = {
        "perf/converged": float(probe.converged),
        "perf/fit_s": time.perf_counter() - started,
    }
    state = {name: getattr(probe, name) for name in ("weight_kd", "bias_k", "converged")}
    task.report(probe.logits, extra, state)
    return probe


def _save(probe: LinearProbe, config: Config, task: FrozenTask, metrics: dict[str, float]) -> None:
    """Write backbone and probe as the classifier they make together."""
    context, train = task.context, task.train
    backbone = create_backbone(
        config.backbone,
        context.locations,
        feature_seed(config.backbone, context),
        task.transform.size_px,
        in_chans=len(task.transform.mean),
        replicate=context.replicate,
    )
    head = LinearHead(backbone.dim, len(train.classes), seed=0)
    with torch.no_grad():
        head.weight.copy_(probe.weight_kd)
        head.bias.copy_(probe.bias_k)
    spec = ClassifierSpec(
        backbone=config.backbone,
        classes=train.classes,
        task=train.task,
        transform=task.transform,
    )
    save_classifier(context.artifacts, Classifier(backbone, head), spec, config, metrics)
