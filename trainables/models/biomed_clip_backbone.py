"""The image tower of BiomedCLIP: timm's ViT and a projection, under open_clip's names.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_published
from trainables.models.positions import resize_positions

_POSITIONS = "trunk.pos_embed"


class BiomedClipBackbone(Backbone):
    """Normalised class token -> projection into the space shared with text."""

    def features(self, x_nchw: Tensor) -> Features:
        vit: Any = self.trunk.trunk
        normed_ntd, (tokens_ntd,) = vit.forward_intermediates(
            x_nchw, indices=1, norm=False, output_fmt="NLC"
        )
        pooled_nd = self.trunk.head(vit.forward_head(normed_ntd, pre_logits=True))
        return Features(pooled_nd=pooled_nd, tokens_ntd=tokens_ntd)

    def take_projection(self) -> nn.Parameter:
        """Remove the projection and return it, (d before, d after): features are those before."""
        projection: nn.Linear = self.trunk.head.proj
        self.trunk.head = nn.Identity()
        self.dim = projection.in_features
        return nn.Parameter(projection.weight.detach().T.clone())


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the image tower for three channels, with random weights."""
    vit = timm.create_model(
        card.architecture,
        pretrained=False,
        num_classes=0,
        img_size=image_size_px,
        **card.overrides,
    )
    trunk = nn.Module()
    trunk.trunk = vit
    trunk.head = nn.Sequential(OrderedDict(proj=nn.Linear(vit.num_features, card.dim, bias=False)))
    return BiomedClipBackbone(card, trunk, image_size_px)


def load(backbone: Backbone, source: WeightsSource, path: Path) -> None:
    """Load the image tower of a published checkpoint strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    card, trunk = backbone.card, backbone.trunk
    state = read_published(path, source)
    if _POSITIONS in state:
        n_target = trunk.trunk.pos_embed.shape[1]
        state[_POSITIONS] = resize_positions(
            state[_POSITIONS][0], n_target, n_prefix=1, style="antialiased"
        )[None]
    load_strictly(trunk, state, card, path)
