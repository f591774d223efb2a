"""Try a backbone on one black picture: what it gives, and what of it that depends on.

Axes: n pictures, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from trainables.models.backbone import Backbone, Features


def dry_features(backbone: Backbone) -> Features:
    """Return the features of one black picture, in evaluation mode: nothing random, no statistics.

    The backbone is left as it was found.
    """
    stem = cast(nn.Conv2d, backbone.trunk.get_submodule(backbone.card.stem))
    size_px = backbone.image_size_px
    x_nchw = torch.zeros(
        1, stem.in_channels, size_px, size_px, dtype=stem.weight.dtype, device=stem.weight.device
    )
    with _evaluating(backbone):
        return backbone.features(x_nchw)


def unreached(parameters: list[nn.Parameter], output: Tensor) -> list[nn.Parameter]:
    """Return those of the parameters, all trained ones, that an output does not depend on."""
    gradients = torch.autograd.grad(output.sum(), parameters, allow_unused=True)
    return [p for p, gradient in zip(parameters, gradients, strict=True) if gradient is None]


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
