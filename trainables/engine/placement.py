"""Where a model lies: its device and its memory layout."""

from __future__ import annotations

import torch
from torch import nn

from trainables.models.contents import has_contents


def place(model: nn.Module, device: str) -> nn.Module:
    """Move a model, in place, to a device; convolutional ones in the layout that suits them.

    Channels-last was measured at half the time of the default on a CPU (EfficientNet-Lite0).
    """
    if not has_contents():
        # Nothing is to be moved, and such parameters cannot be replaced.
        return model
    if is_convolutional(model):
        model = model.to(memory_format=torch.channels_last)
    return model.to(device)


def is_convolutional(model: nn.Module) -> bool:
    """Whether the model is a conv net; a vision transformer has one convolution, its patches."""
    return sum(isinstance(module, nn.Conv2d) for module in model.modules()) > 1
