"""A vision transformer that reads another network's tokens instead of patches.

Axes: n pictures, t tokens, d width, k classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.errors import ConfigError
from trainables.models.backbone import Backbone
from trainables.models.seeding import seeded


class TokenHead(nn.Module):
    """A DeiT in which a projection of tokens stands where the embedding of patches was.

    Projection (linear, layer norm), class token, positions resampled to the tokens' grid, blocks,
    final norm, class token, linear layer. Source: Pales Huix et al. 2024, code of the DeiT head.

    Args:
        token_dim: width of the tokens.
        reader: the DeiT; its blocks, norm, class token and positions become parts of this head.
        n_classes: outputs.
        seed: draws the projection and the last layer, with PyTorch's default initialisation.
        trim: how many of the reader's first blocks are left out.
    """

    def __init__(
        self, token_dim: int, reader: Backbone, n_classes: int, seed: int, trim: int = 0
    ) -> None:
        super().__init__()
        trunk = reader.trunk
        with seeded(seed):
            self.projector = nn.Sequential(
                nn.Linear(token_dim, reader.dim), nn.LayerNorm(reader.dim)
            )
            self.fc = nn.Linear(reader.dim, n_classes)
        self.cls_token: nn.Parameter = trunk.cls_token
        self.pos_embed: nn.Parameter = trunk.pos_embed
        self.blocks: nn.Sequential = trunk.blocks[trim:]
        self.norm: nn.Module = trunk.norm

    def embed(self, tokens_ntd: Tensor) -> Tensor:
        """Return the normalised class token, (n, d)."""
        patches_ntd = self.projector(tokens_ntd)
        cls_n1d = self.cls_token.expand(len(patches_ntd), -1, -1)
        x_ntd = torch.cat([cls_n1d, patches_ntd], dim=1)
        x_ntd = x_ntd + resampled(self.pos_embed, patches_ntd.shape[1])
        embedding_nd: Tensor = self.norm(self.blocks(x_ntd))[:, 0]
        return embedding_nd

    def forward(self, embedding_nd: Tensor) -> Tensor:
        """Return the logits, (n, k), of what :meth:`embed` returned."""
        logits_nk: Tensor = self.fc(embedding_nd)
        return logits_nk

    def freeze_reader(self) -> None:
        """Leave only the projection and the last layer to be trained."""
        self.requires_grad_(False)
        self.projector.requires_grad_(True)
        self.fc.requires_grad_(True)


def check_grid(tokens: int, backbone: str) -> None:
    """Make sure that tokens lie on a square grid.

    Raises:
        ConfigError: they do not.
    """
    if math.isqrt(tokens) ** 2 != tokens:
        raise ConfigError(
            f"head.name=deit reads a square grid of tokens, '{backbone}' gives {tokens}"
        )


def resampled(positions_1td: Tensor, tokens: int) -> Tensor:
    """Return positions for a class token and a square grid of tokens.

    Bicubic without antialiasing, as the source has it. It asks for a scale of sqrt(tokens / own);
    naming the size asks for the same, and cannot be rounded to a grid that is one too small.
    """
    grid_1td = positions_1td[:, 1:]
    if grid_1td.shape[1] == tokens:
        return positions_1td
    own, side = math.isqrt(grid_1td.shape[1]), math.isqrt(tokens)
    grid_1dhw = grid_1td.transpose(1, 2).reshape(1, -1, own, own)
    grid_1dhw = functional.interpolate(grid_1dhw, size=(side, side), mode="bicubic")
    return torch.cat([positions_1td[:, :1], grid_1dhw.flatten(2).transpose(1, 2)], dim=1)
