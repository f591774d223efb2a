"""The decoder of CRIS: places of the picture look at each other and at the words.

Axes: n pictures, c channels, h rows, w columns, l tokens of a text, t places row by row, d width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class DecoderLayer(nn.Module):
    """Attention among places, attention to words, and a network at each place.

    Beside the norms before each of them there is one after each attention and one inside the
    network.
    """

    def __init__(self, dim: int, heads: int, inner_dim: int, dropout: float) -> None:
        super().__init__()
        self.self_attn_norm = nn.LayerNorm(dim)
        self.cross_attn_norm = nn.LayerNorm(dim)
        self.self_attn = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.ffn = nn.Sequential(
            nn.Linear(dim, inner_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.LayerNorm(inner_dim),
            nn.Linear(inner_dim, dim),
        )
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x_ntd: Tensor,
        words_nld: Tensor,
        place_1td: Tensor,
        order_1ld: Tensor,
        padding_nl: Tensor | None,
    ) -> Tensor:
        """Return the places, (n, t, d).

        Args:
            place_1td, order_1ld: positions of places and of words, which values do not get.
            padding_nl: true where a word is not looked at.
        """
        u_ntd = self.norm1(x_ntd)
        where_ntd = u_ntd + place_1td
        seen_ntd, _ = self.self_attn(where_ntd, where_ntd, u_ntd, need_weights=False)
        x_ntd = x_ntd + self.dropout(self.self_attn_norm(seen_ntd))
        read_ntd, _ = self.multihead_attn(
            self.norm2(x_ntd) + place_1td,
            words_nld + order_1ld,
            words_nld,
            key_padding_mask=padding_nl,
            need_weights=False,
        )
        x_ntd = x_ntd + self.dropout(self.cross_attn_norm(read_ntd))
        out_ntd: Tensor = x_ntd + self.dropout(self.ffn(self.norm3(x_ntd)))
        return out_ntd


class Decoder(nn.Module):
    """A stack of layers and a final norm."""

    def __init__(
        self, num_layers: int, dim: int, heads: int, inner_dim: int, dropout: float
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(dim, heads, inner_dim, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, map_nchw: Tensor, words_nld: Tensor, padding_nl: Tensor | None) -> Tensor:
        """Return a map of the same size."""
        n, dim, h, w = map_nchw.shape
        place_1td = grid_positions(dim, h, w).to(map_nchw)[None]
        order_1ld = line_positions(words_nld.shape[2], words_nld.shape[1]).to(map_nchw)[None]
        x_ntd = map_nchw.flatten(2).transpose(1, 2)
        for layer in self.layers:
            x_ntd = layer(x_ntd, words_nld, place_1td, order_1ld, padding_nl)
        out_ntd: Tensor = self.norm(x_ntd)
        return out_ntd.transpose(1, 2).reshape(n, dim, h, w)


def line_positions(dim: int, length: int) -> Tensor:
    """Return sines (even) and cosines (odd entries) of places on a line, (length, dim)."""
    rates = torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def grid_positions(dim: int, height: int, width: int) -> Tensor:
    """Return positions of a grid, row by row, (height x width, dim).

    The first half of the entries says the column, the second the row.
    """
    columns_hwd = line_positions(dim // 2, width)[None].expand(height, -1, -1)
    rows_hwd = line_positions(dim // 2, height)[:, None].expand(-1, width, -1)
    return torch.cat([columns_hwd, rows_hwd], dim=2).flatten(0, 1)
