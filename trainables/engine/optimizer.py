"""Optimizers as the configs name them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from trainables.engine.config import AdamMoments, OptimizerConfig
from trainables.engine.lars import add_lars


def create_optimizer(
    model: nn.Module,
    config: OptimizerConfig,
    adam: AdamMoments | None = None,
    decay_all: bool = False,
) -> Optimizer:
    """Return an optimizer over the parameters that require a gradient.

    Args:
        adam: of adam and adamw; PyTorch's own when None.
        decay_all: biases and one-dimensional parameters are not free of the weight decay.
    """
    groups = _groups(model, config.weight_decay, decay_all)
    optimizer = _create(groups, config, adam or AdamMoments())
    if config.lars_trust > 0:
        add_lars(optimizer, config.lars_trust)
    return optimizer


def _create(
    groups: list[dict[str, Any]], config: OptimizerConfig, moments: AdamMoments
) -> Optimizer:
    # None is PyTorch's choice, False would be its slowest.
    fused = True if _fusible(groups) else None
    if config.name == "sgd":
        return SGD(groups, lr=config.lr, momentum=config.momentum, fused=fused)
    if config.name == "adam":
        return Adam(groups, lr=config.lr, betas=moments.betas, eps=moments.eps, fused=fused)
    return AdamW(groups, lr=config.lr, betas=moments.betas, eps=moments.eps, fused=fused)


def _fusible(groups: list[dict[str, Any]]) -> bool:
    """Whether one kernel may step a whole tensor, without asking the device if fp16 overflowed.

    On a CPU that kernel goes through parameters, gradients and moments as they lie in memory, and
    does not notice when they lie differently, as those of a transposed tensor do after a restart.
    """
    return all(
        p.is_contiguous() or (p.dim() == 4 and p.is_contiguous(memory_format=torch.channels_last))
        for group in groups
        for p in group["params"]
    )


def _groups(model: nn.Module, weight_decay: float, decay_all: bool) -> list[dict[str, Any]]:
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    free = [p for name, p in trained if not decay_all and _is_free_of_decay(name, p)]
    decayed = [p for name, p in trained if decay_all or not _is_free_of_decay(name, p)]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _is_free_of_decay(name: str, parameter: nn.Parameter) -> bool:
    return parameter.dim() <= 1 or name.rpartition(".")[2] == "bias"
