"""FocalNet with depth-wise convolutions and norms after the residual sums, as in SEEM's backbone.

Yang et al. (2022) describe focal modulation; this variant is that of SEEM (Zou et al. 2023), whose
modules and tensors keep their published names here. FocalNets of other libraries are different
networks: no depth-wise convolutions around modulation, norms elsewhere.

Axes: n pictures, c input channels, d width, h rows, w columns, l focal levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 3
_FIRST_WINDOW = 3
_MLP_RATIO = 4


class FocalNet(nn.Module):
    """Four stages; the output is the map of the last one after its own norm, (n, d, h, w).

    Args:
        embed_dim: width of the first stage; every later one has twice the width before it.
        depths: blocks of each stage.
        drop_path_rate: share of training pictures that skip a branch of the last block; it grows
            linearly from 0 at the first block.
        layer_scale: what the branches are multiplied by before training.
    """

    def __init__(
        self,
        embed_dim: int = 96,
        depths: tuple[int, ...] = (2, 2, 6, 2),
        drop_path_rate: float = 0.3,
        layer_scale: float = 1e-4,
    ) -> None:
        super().__init__()
        self.patch_embed = Reduction(3, embed_dim, kernel=7, stride=4)
        rates = _linear(drop_path_rate, sum(depths))
        widths = [embed_dim * 2**stage for stage in range(len(depths))]
        self.layers = nn.ModuleList()
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = [FocalBlock(width, next(rates), layer_scale) for _ in range(depth)]
            self.layers.append(FocalStage(blocks, width, is_last=stage == len(depths) - 1))
            # Users of all maps norm each; of these norms, only that of the last stage is read here.
            self.add_module(f"norm{stage}", ChannelNorm(width).requires_grad_(False))
        self.output_norm().requires_grad_(True)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return the last map; an input side that is no multiple of its stride rounds up."""
        x_ndhw = self.patch_embed(x_nchw)
        for stage in self.layers:
            x_ndhw = stage(x_ndhw)
        normed_ndhw: Tensor = self.output_norm()(x_ndhw)
        return normed_ndhw

    def keep_stages(self, last: int) -> None:
        """Drop every stage after one, counted from 0; its own norm then makes the output."""
        for later in range(last + 1, len(self.layers)):
            delattr(self, f"norm{later}")
        del self.layers[last + 1 :]
        cast(FocalStage, self.layers[last]).downsample = None
        self.output_norm().requires_grad_(True)

    def output_norm(self) -> nn.Module:
        """Return the norm of the last stage."""
        return self.get_submodule(f"norm{len(self.layers) - 1}")


class FocalStage(nn.Module):
    """Blocks of one width, and the step down to the next one where a stage follows."""

    def __init__(self, blocks: list[FocalBlock], width: int, is_last: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.downsample = None if is_last else Reduction(width, 2 * width, kernel=3, stride=2)

    def forward(self, x_ndhw: Tensor) -> Tensor:
        """Return the input of the next stage, or of the last stage's norm."""
        x_ndhw = self.blocks(x_ndhw)
        return x_ndhw if self.downsample is None else self.downsample(x_ndhw)


class FocalBlock(nn.Module):
    """Modulation and MLP, each after a depth-wise convolution and before a norm.

    Args:
        drop_path: share of training pictures that skip a branch.
        layer_scale: what the branches are multiplied by before training.
    """

    def __init__(self, width: int, drop_path: float, layer_scale: float) -> None:
        super().__init__()
        self.gamma_1 = nn.Parameter(torch.full((width,), layer_scale))
        self.gamma_2 = nn.Parameter(torch.full((width,), layer_scale))
        self.dw1 = _depthwise(width, 3, bias=True)
        self.norm1 = ChannelNorm(width)
        self.modulation = FocalModulation(width)
        self.dw2 = _depthwise(width, 3, bias=True)
        self.norm2 = ChannelNorm(width)
        self.mlp = Mlp(width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_ndhw: Tensor) -> Tensor:
        """Return a map of the same shape."""
        x_ndhw = x_ndhw + self.dw1(x_ndhw)
        modulated_ndhw = self.gamma_1[:, None, None] * self.modulation(x_ndhw)
        x_ndhw = self.norm1(x_ndhw + self.drop_path(modulated_ndhw))
        x_ndhw = x_ndhw + self.dw2(x_ndhw)
        mixed_ndhw = self.gamma_2[:, None, None] * self.mlp(x_ndhw)
        normed_ndhw: Tensor = self.norm2(x_ndhw + self.drop_path(mixed_ndhw))
        return normed_ndhw


class FocalModulation(nn.Module):
    """Multiply a query at every place by contexts around it, from near to the whole picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.f = nn.Linear(width, 2 * width + _LEVELS + 1)
        self.h = nn.Conv2d(width, width, 1)
        self.proj = nn.Linear(width, width)
        windows = [_FIRST_WINDOW + 2 * level for level in range(_LEVELS)]
        self.focal_layers = nn.ModuleList(
            nn.Sequential(_depthwise(width, window, bias=False), nn.GELU()) for window in windows
        )

    def forward(self, x_ndhw: Tensor) -> Tensor:
        """Return a map of the same shape."""
        sizes = [self.width, self.width, _LEVELS + 1]
        query_ndhw, context_ndhw, gates_nlhw = torch.split(_pointwise(self.f, x_ndhw), sizes, dim=1)
        gathered_ndhw = torch.zeros_like(query_ndhw)
        for level, layer in enumerate(self.focal_layers):
            context_ndhw = layer(context_ndhw)
            gathered_ndhw = gathered_ndhw + context_ndhw * gates_nlhw[:, level, None]
        whole_nd11 = functional.gelu(context_ndhw.mean(dim=(2, 3), keepdim=True))
        gathered_ndhw = gathered_ndhw + whole_nd11 * gates_nlhw[:, _LEVELS, None]
        modulator_ndhw = self.h(gathered_ndhw / (_LEVELS + 1))
        return _pointwise(self.proj, query_ndhw * modulator_ndhw)


class Mlp(nn.Module):
    """Two linear layers at every place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, _MLP_RATIO * width)
        self.fc2 = nn.Linear(_MLP_RATIO * width, width)

    def forward(self, x_ndhw: Tensor) -> Tensor:
        """Return a map of the same shape."""
        return _pointwise(self.fc2, functional.gelu(_pointwise(self.fc1, x_ndhw)))


class Reduction(nn.Module):
    """An overlapping convolution with a stride, and a norm."""

    def __init__(self, in_channels: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.proj = nn.Conv2d(in_channels, width, kernel, stride, padding=kernel // 2)
        self.norm: ChannelNorm | None = ChannelNorm(width)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return (n, d, ceil(h / stride), ceil(w / stride))."""
        rows, columns = x_nchw.shape[-2:]
        missing = (0, -columns % self.stride, 0, -rows % self.stride)
        x_ndhw: Tensor = self.proj(functional.pad(x_nchw, missing))
        return x_ndhw if self.norm is None else self.norm(x_ndhw)

    def bare(self) -> None:
        """Take away the padding of the convolution, and the norm."""
        self.proj.padding = (0, 0)
        self.norm = None


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of every place."""

    def forward(self, x_ndhw: Tensor) -> Tensor:
        """Return a map of the same shape."""
        return super().forward(x_ndhw.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _pointwise(layer: nn.Linear, x_ndhw: Tensor) -> Tensor:
    """Apply a linear layer to the channels of every place."""
    y_nhwd: Tensor = layer(x_ndhw.permute(0, 2, 3, 1))
    return y_nhwd.permute(0, 3, 1, 2)


def _depthwise(width: int, kernel: int, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width, bias=bias)


def _linear(highest: float, n: int) -> Iterator[float]:
    """Yield n numbers at equal distances from 0 to the highest."""
    return (highest * i / (n - 1) for i in range(n))
