"""Both towers of CLIP RN50, with maps of the picture and states of the words.

Axes: n pictures, c channels, h rows, w columns, l tokens of a text, t places, d width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

_STRIDE_PX = 32


class MapAttentionPool(nn.Module):
    """CLIP's attention pooling without the pooling: every place asks, and the map stays.

    Args:
        places: along a side of the grid that positions were learned for.
    """

    def __init__(self, places: int, dim: int, heads: int, out_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.places = places
        # The first position is that of CLIP's mean token, which is not used here.
        self.positional_embedding = nn.Parameter(torch.randn(places**2 + 1, dim) / dim**0.5)
        self.k_proj = nn.Linear(dim, dim)
        self.q_proj = nn.Linear(dim, dim)
        self.v_proj = nn.Linear(dim, dim)
        self.c_proj = nn.Linear(dim, out_dim)
        self.connect = nn.Sequential(
            nn.Conv2d(dim, out_dim, 1, bias=False), nn.BatchNorm2d(out_dim)
        )
        for layer in (self.k_proj, self.q_proj, self.v_proj, self.c_proj):
            nn.init.normal_(layer.weight, std=dim**-0.5)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return a map (n, out_dim, h, w)."""
        n, _, h, w = x_nchw.shape
        tokens_ntd = x_nchw.flatten(2).transpose(1, 2) + self._positions(h, w).to(x_nchw.dtype)
        q, k, v = (
            layer(tokens_ntd).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out_ntd: Tensor = self.c_proj(attended)
        out_nchw = out_ntd.transpose(1, 2).reshape(n, -1, h, w)
        return F.relu(out_nchw + self.connect(x_nchw))

    def _positions(self, h: int, w: int) -> Tensor:
        """Return positions for a grid of another size, (t, d)."""
        grid_1dhw = self.positional_embedding[1:].T.reshape(1, -1, self.places, self.places)
        resized = F.interpolate(grid_1dhw, size=(h, w), mode="bicubic", align_corners=False)
        return resized[0].flatten(1).T


def build_backbone(config: Mapping[str, Any]) -> Any:
    """Build both towers with random weights, from open_clip's description of them."""
    clip = open_clip.CLIP(**config)
    pool = clip.visual.attnpool
    places = config["vision_cfg"]["image_size"] // _STRIDE_PX
    clip.visual.attnpool = MapAttentionPool(
        places, pool.c_proj.in_features, pool.num_heads, pool.c_proj.out_features
    )
    # Made for comparing pictures with texts, which nothing here does.
    clip.logit_scale.requires_grad_(False)
    return clip


def picture_maps(clip: Any, pixels_nchw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return maps at strides of 8, 16 and 32 px, the last one after the attention."""
    visual = clip.visual
    v3_nchw = visual.layer2(visual.layer1(visual.stem(pixels_nchw)))
    v4_nchw = visual.layer3(v3_nchw)
    return v3_nchw, v4_nchw, visual.attnpool(visual.layer4(v4_nchw))


def word_states(clip: Any, ids_nl: Tensor) -> tuple[Tensor, Tensor]:
    """Return the state of every token, (n, l, d), and the projected one of the end, (n, d)."""
    length = ids_nl.shape[1]
    x_nld = clip.token_embedding(ids_nl) + clip.positional_embedding[:length]
    x_nld = clip.transformer(x_nld, attn_mask=clip.attn_mask[:length, :length])
    states_nld: Tensor = clip.ln_final(x_nld)
    rows_n = torch.arange(len(ids_nl), device=ids_nl.device)
    # The end token has the largest id, and fillers of the same id come after it.
    sentence_nd: Tensor = states_nld[rows_n, ids_nl.argmax(dim=1)] @ clip.text_projection
    return states_nld, sentence_nd
