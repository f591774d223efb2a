"""Give the first convolution of a backbone another number of input channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def widen_stem(conv: nn.Conv2d, in_chans: int, pretrained: bool) -> None:
    """Change the convolution in place to read ``in_chans`` channels.

    Pretrained kernels are tiled along the input axis and cut: one channel gets the red kernel
    alone, four get red, green, blue, red (Matsoukas et al. 2022; libraries often sum the kernels
    instead). Random ones are drawn afresh with PyTorch's default for a convolution of this shape.
    """
    old_oihw: Tensor = conv.weight.detach()
    if old_oihw.shape[1] == in_chans:
        return
    chosen = torch.arange(in_chans) % old_oihw.shape[1]
    conv.in_channels = in_chans
    conv.weight = nn.Parameter(old_oihw[:, chosen].clone())
    if not pretrained:
        conv.reset_parameters()
