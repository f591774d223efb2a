"""What the channels of a network say: each for itself, or one against the others.

Axes: n cases, k channels, h rows, w columns.
"""

from __future__ import annotations

import torch
from torch import Tensor


def probabilities(logits_nkhw: Tensor, *, exclusive: bool) -> Tensor:
    """Return the probability of every pixel to belong to each channel, (n, k, h, w).

    Args:
        exclusive: a pixel belongs to one channel only.
    """
    return logits_nkhw.softmax(dim=1) if exclusive else logits_nkhw.sigmoid()


def decided(logits_nkhw: Tensor, threshold: float, *, exclusive: bool) -> Tensor:
    """Return the mask of every channel, bool (n, k, h, w).

    Args:
        threshold: a pixel belongs to a channel where its probability is greater; idle where
            channels are exclusive, of which the most probable one has the pixel.
    """
    if not exclusive:
        return logits_nkhw.sigmoid() > threshold
    decided_nkhw = torch.zeros_like(logits_nkhw, dtype=torch.bool)
    return decided_nkhw.scatter(1, logits_nkhw.argmax(dim=1, keepdim=True), value=True)
