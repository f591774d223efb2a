"""Make the drawn weights of a twin behave like trained ones where it matters.

Axes: n pictures, c channels, h rows, w columns.
"""

from __future__ import annotations

import torch
from torch import nn

from trainables.models.backbone import Backbone

_PICTURES = 16


def settle_norms(backbone: Backbone) -> None:
    """Set every batch norm's statistics to those of a batch of noise from the global generator.

    Without it an untrained CNN in evaluation mode shrinks its input at every layer, and a linear
    head on frozen features sees numbers too small to learn from.
    """
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # this batch alone
    side = backbone.image_size_px
    with torch.no_grad():
        backbone(torch.randn(_PICTURES, 3, side, side))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.num_batches_tracked.zero_()  # type: ignore[union-attr]
