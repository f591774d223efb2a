"""Stems for other channels are the recorded ones of the published code."""

import pytest
import torch
from torch import nn

from trainables.models.stem import widen_stem


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_pretrained_kernels_are_tiled_and_cut(channels, golden):
    recorded = golden("stem")
    kernel_oihw = torch.tensor(recorded["weight_3_channels"])
    conv = nn.Conv2d(3, kernel_oihw.shape[0], kernel_oihw.shape[2:])
    conv.weight = nn.Parameter(kernel_oihw)
    bias_o = conv.bias.detach().clone()
    widen_stem(conv, channels, pretrained=True)
    assert torch.equal(
        conv.weight.detach(), torch.tensor(recorded["adapted_by_channel_count"][str(channels)])
    )
    assert torch.equal(conv.bias.detach(), bias_o)
