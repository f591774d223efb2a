"""Inception-v3 as distances are measured with: timm's, with the pooling of the TensorFlow graph.

The published file is that graph of December 2015, ported by the authors of pytorch-fid. Its
convolutions are those of Inception-v3; inside the blocks its pooling differs.

Axes: n pictures, d channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.models import timm_backbone
from trainables.models.backbone import Backbone
from trainables.models.card import BackboneCard
from trainables.models.timm_backbone import load

__all__ = ["build", "load"]

Branches = Callable[[Any, Tensor], list[Tensor]]
Pool = Callable[[Tensor], Tensor]


class _Block(nn.Module):
    """The convolutions of one of timm's blocks, under their own names, and another pooling.

    Args:
        branches: what the block does to its input (n, d, h, w) beside pooling.
    """

    branch_pool: nn.Module

    def __init__(self, block: nn.Module, branches: Branches, pool: Pool) -> None:
        super().__init__()
        self.branches, self.pool = branches, pool
        for name, convolution in block.named_children():
            self.add_module(name, convolution)

    def forward(self, x_ndhw: Tensor) -> Tensor:
        pooled_ndhw = self.branch_pool(self.pool(x_ndhw))
        return torch.cat([*self.branches(self, x_ndhw), pooled_ndhw], dim=1)


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    backbone = timm_backbone.build(card, image_size_px)
    for name, (branches, pool) in _CHANGED.items():
        block = _Block(getattr(backbone.trunk, name), branches, pool)
        setattr(backbone.trunk, name, block)
    return backbone


def _branches_35px(block: Any, x_ndhw: Tensor) -> list[Tensor]:
    return [
        block.branch1x1(x_ndhw),
        block.branch5x5_2(block.branch5x5_1(x_ndhw)),
        block.branch3x3dbl_3(block.branch3x3dbl_2(block.branch3x3dbl_1(x_ndhw))),
    ]


def _branches_17px(block: Any, x_ndhw: Tensor) -> list[Tensor]:
    once_ndhw = block.branch7x7_3(block.branch7x7_2(block.branch7x7_1(x_ndhw)))
    twice_ndhw = block.branch7x7dbl_3(block.branch7x7dbl_2(block.branch7x7dbl_1(x_ndhw)))
    twice_ndhw = block.branch7x7dbl_5(block.branch7x7dbl_4(twice_ndhw))
    return [block.branch1x1(x_ndhw), once_ndhw, twice_ndhw]


def _branches_8px(block: Any, x_ndhw: Tensor) -> list[Tensor]:
    once_ndhw = block.branch3x3_1(x_ndhw)
    twice_ndhw = block.branch3x3dbl_2(block.branch3x3dbl_1(x_ndhw))
    return [
        block.branch1x1(x_ndhw),
        block.branch3x3_2a(once_ndhw),
        block.branch3x3_2b(once_ndhw),
        block.branch3x3dbl_3a(twice_ndhw),
        block.branch3x3dbl_3b(twice_ndhw),
    ]


def _mean_inside(x_ndhw: Tensor) -> Tensor:
    """Average over the places that exist: at the border TensorFlow counts no padding."""
    return functional.avg_pool2d(x_ndhw, 3, stride=1, padding=1, count_include_pad=False)


def _largest(x_ndhw: Tensor) -> Tensor:
    return functional.max_pool2d(x_ndhw, 3, stride=1, padding=1)


_CHANGED: dict[str, tuple[Branches, Pool]] = {
    "Mixed_5b": (_branches_35px, _mean_inside),
    "Mixed_5c": (_branches_35px, _mean_inside),
    "Mixed_5d": (_branches_35px, _mean_inside),
    "Mixed_6b": (_branches_17px, _mean_inside),
    "Mixed_6c": (_branches_17px, _mean_inside),
    "Mixed_6d": (_branches_17px, _mean_inside),
    "Mixed_6e": (_branches_17px, _mean_inside),
    "Mixed_7b": (_branches_8px, _mean_inside),
    # Of this graph only: the paper, and all later weights, average here too.
    "Mixed_7c": (_branches_8px, _largest),
}
