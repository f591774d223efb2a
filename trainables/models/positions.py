"""Resample the position embedding of a vision transformer to another input size.

Axes: n entries (prefix tokens, then the grid row by row), l distances, d width.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

# DINOv2 asks for a tenth of a cell more than it needs; the scale, not the size, then places the
# samples, so leaving it out moves every one of them.
_DINOV2_OFFSET = 0.1


def resize_positions(
    positions_nd: Tensor, n_target: int, n_prefix: int, style: Literal["antialiased", "dinov2"]
) -> Tensor:
    """Return positions for ``n_target`` entries; prefix entries and equal sizes stay untouched.

    So do positions that are no square grid: they are another model's, and strict loading says so.

    Args:
        style: bicubic with antialiasing, as timm and open_clip do, or as DINOv2's own code does.
    """
    if positions_nd.shape[0] == n_target:
        return positions_nd
    prefix_nd, grid_nd = positions_nd[:n_prefix], positions_nd[n_prefix:]
    old, new = math.isqrt(len(grid_nd)), math.isqrt(n_target - n_prefix)
    if positions_nd.ndim != 2 or old * old != len(grid_nd):
        return positions_nd
    grid_1dhw = grid_nd.float().T.reshape(1, -1, old, old)
    if style == "dinov2":
        scale = (new + _DINOV2_OFFSET) / old
        resized_1dhw = F.interpolate(grid_1dhw, scale_factor=(scale, scale), mode="bicubic")
    else:
        resized_1dhw = F.interpolate(grid_1dhw, size=(new, new), mode="bicubic", antialias=True)
    resized_nd = resized_1dhw.reshape(-1, new * new).T.to(positions_nd.dtype)
    return torch.cat([prefix_nd, resized_nd])


def resize_distances(table_ld: Tensor, n_target: int) -> Tensor:
    """Return a table of relative positions for ``n_target`` distances: the nearest entry of each.

    Kirillov et al. 2023 resample SAM's so, at PyTorch's default; libraries often interpolate.
    """
    resized_1dl = F.interpolate(table_ld.T[None], size=n_target, mode="nearest")
    return resized_1dl[0].T
