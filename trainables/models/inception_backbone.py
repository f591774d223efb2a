"""Inception-v3 from timm; the twin is the same network with thinner convolutions.

Axes: o output channels, i input channels, h rows, w columns.
"""

from __future__ import annotations

import dataclasses

from torch import nn

from trainables.models import timm_backbone
from trainables.models.backbone import Backbone
from trainables.models.card import BackboneCard
from trainables.models.timm_backbone import load

__all__ = ["build", "load"]

_PICTURE_CHANNELS = 3


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    arguments = dict(card.overrides)
    divisor = arguments.pop("width_divisor", 1)
    plain = dataclasses.replace(card, overrides=arguments)
    trunk = timm_backbone.build(plain, image_size_px).trunk
    if divisor > 1:
        _thin(trunk, divisor)
    return timm_backbone.TimmBackbone(card, trunk, image_size_px)


def _thin(trunk: nn.Module, divisor: int) -> None:
    """Cut the channels of every convolution and norm; timm's constructor fixes them.

    The kernels that are left stay drawn as they were: their spread does not depend on the width.
    """
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            module.out_channels //= divisor
            if module.in_channels > _PICTURE_CHANNELS:
                module.in_channels //= divisor
            kernel_oihw = module.weight.detach()[: module.out_channels, : module.in_channels]
            module.weight = nn.Parameter(kernel_oihw.clone())
        elif isinstance(module, nn.BatchNorm2d):
            module.num_features //= divisor
            kept = module.num_features
            module.weight = nn.Parameter(module.weight.detach()[:kept].clone())
            module.bias = nn.Parameter(module.bias.detach()[:kept].clone())
            module.running_mean = module.running_mean[:kept].clone()  # type: ignore[index]
            module.running_var = module.running_var[:kept].clone()  # type: ignore[index]
