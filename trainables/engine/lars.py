"""Layer-wise adaptive rate scaling (You et al., 2017) in front of any optimizer.

For a tensor w with gradient g and decay c, the optimizer sees a (g + c w) with

    a = trust |w| / (|g| + c |w| + 1e-8), or 1 where |w| or |g| is 0

and its own decay is off.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

_EPS = 1e-8
_DECAY = "lars_decay"


def add_lars(optimizer: Optimizer, trust: float) -> None:
    """Scale the gradients before every step of ``optimizer``; its decay moves into them."""
    for group in optimizer.param_groups:
        group[_DECAY], group["weight_decay"] = group["weight_decay"], 0.0

    def scale(stepped: Optimizer, _args: Any, _kwargs: Any) -> None:
        with torch.no_grad():
            for group in stepped.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        _scale(weight, weight.grad, group[_DECAY], trust)

    optimizer.register_step_pre_hook(scale)


def _scale(weight: Tensor, grad: Tensor, decay: float, trust: float) -> None:
    size, slope = weight.norm(), grad.norm()
    adapted = trust * size / (slope + decay * size + _EPS)
    # Chosen on the device: reading the norms here would wait for it, once per tensor.
    factor = torch.where((size > 0) & (slope > 0), adapted, torch.ones_like(adapted))
    grad.add_(weight, alpha=decay).mul_(factor)
