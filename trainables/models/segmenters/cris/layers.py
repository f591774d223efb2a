"""Layers that several parts of CRIS share.

Axes: n pictures, c channels, h rows, w columns.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it


def conv_block(in_dim: int, out_dim: int, kernel: int) -> nn.Sequential:
    """Return a convolution that keeps the size, a batch norm and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_dim, out_dim, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out_dim),
        nn.ReLU(),
    )


def linear_block(in_dim: int, out_dim: int) -> nn.Sequential:
    """Return a linear layer, a batch norm and a ReLU."""
    return nn.Sequential(nn.Linear(in_dim, out_dim, bias=False), nn.BatchNorm1d(out_dim), nn.ReLU())


def doubled(x_nchw: Tensor) -> Tensor:
    """Return a map of twice the size."""
    return F.interpolate(x_nchw, scale_factor=2, mode="bilinear")


class CoordConv(nn.Module):
    """A convolution block that also sees where it is."""

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.conv1 = conv_block(in_dim + 2, out_dim, 3)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return a map of the same size."""
        out_nchw: Tensor = self.conv1(with_coordinates(x_nchw))
        return out_nchw


def with_coordinates(x_nchw: Tensor) -> Tensor:
    """Append two channels: the column and the row, each from -1 to 1."""
    n, _, h, w = x_nchw.shape
    rows_h = torch.linspace(-1, 1, h, device=x_nchw.device, dtype=x_nchw.dtype)
    columns_w = torch.linspace(-1, 1, w, device=x_nchw.device, dtype=x_nchw.dtype)
    y_hw, x_hw = torch.meshgrid(rows_h, columns_w, indexing="ij")
    places_nchw = torch.stack([x_hw, y_hw])[None].expand(n, -1, -1, -1)
    return torch.cat([x_nchw, places_nchw], dim=1)
