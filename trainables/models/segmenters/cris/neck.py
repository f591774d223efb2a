"""The neck of CRIS: one map out of three, filtered by the sentence.

Axes: n pictures, c channels, h rows, w columns, d width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.models.segmenters.cris.layers import (
    CoordConv,
    conv_block,
    doubled,
    linear_block,
)


class Neck(nn.Module):
    """Top-down fusion of maps at strides of 8, 16 and 32 px into one at 16 px.

    Args:
        in_dims: widths of the three maps; the last is also that of the sentence.
        out_dims: widths inside; the middle one is that of the result.
    """

    def __init__(self, in_dims: Sequence[int], out_dims: Sequence[int]) -> None:
        super().__init__()
        in3, in4, in5 = in_dims
        out3, out4, out5 = out_dims
        self.txt_proj = linear_block(in5, out5)
        self.f1_v_proj = conv_block(in5, out5, 1)
        self.norm_layer = nn.Sequential(nn.BatchNorm2d(out5), nn.ReLU())
        self.f2_v_proj = conv_block(in4, out4, 3)
        self.f2_cat = conv_block(out5 + out4, out4, 1)
        self.f3_v_proj = conv_block(in3, out3, 3)
        self.f3_cat = conv_block(out3 + out4, out4, 1)
        self.f4_proj5 = conv_block(out5, out4, 3)
        self.f4_proj4 = conv_block(out4, out4, 3)
        self.f4_proj3 = conv_block(out4, out4, 3)
        self.aggr = conv_block(3 * out4, out4, 1)
        self.coordconv = nn.Sequential(CoordConv(out4, out4), conv_block(out4, out4, 3))

    def forward(self, maps: tuple[Tensor, Tensor, Tensor], sentence_nd: Tensor) -> Tensor:
        """Return one map, (n, c, h, w), of the size of the middle one."""
        v3_nchw, v4_nchw, v5_nchw = maps
        filter_nd11 = self.txt_proj(sentence_nd)[:, :, None, None]
        f5 = self.norm_layer(self.f1_v_proj(v5_nchw) * filter_nd11)
        f4 = self.f2_cat(torch.cat([self.f2_v_proj(v4_nchw), doubled(f5)], dim=1))
        f3 = F.avg_pool2d(self.f3_v_proj(v3_nchw), 2)
        f3 = self.f3_cat(torch.cat([f3, f4], dim=1))
        parts = [self.f4_proj3(f3), self.f4_proj4(f4), doubled(self.f4_proj5(f5))]
        fused_nchw: Tensor = self.coordconv(self.aggr(torch.cat(parts, dim=1)))
        return fused_nchw
