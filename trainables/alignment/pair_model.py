"""Both towers of CLIP and their temperature, as one thing to train.

Axes: n pairs, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.backbone import Backbone
from trainables.models.clip_text import ClipText, create_clip_text
from trainables.models.factory import create_backbone

_MOST = math.log(100)


class Aligned(NamedTuple):
    """Vectors of length one of pictures and texts, and what their cosines are multiplied by."""

    images_nd: Tensor
    texts_nd: Tensor
    scale: Tensor


class PairModel(nn.Module):
    """Image tower, text tower, and the temperature between them, which stays in [1, 100]."""

    def __init__(self, images: Backbone, texts: ClipText) -> None:
        super().__init__()
        self.images, self.texts = images, texts

    @property
    def log_scale(self) -> nn.Parameter:
        """The logarithm of what cosines are multiplied by."""
        log_scale: nn.Parameter = self.texts.tower.logit_scale
        return log_scale

    @torch.no_grad()
    def bound_scale(self) -> None:
        """Bring the temperature back after a step of the optimizer."""
        self.log_scale.clamp_(0, _MOST)

    def forward(self, x_nchw: Tensor, ids_nt: Tensor) -> Aligned:
        """Return what the loss compares."""
        return Aligned(
            functional.normalize(self.images(x_nchw), dim=-1),
            functional.normalize(self.texts(ids_nt), dim=-1),
            self.log_scale.exp(),
        )


def create_pair_model(
    ref: BackboneRef, locations: Locations, seed: int, image_size_px: int
) -> PairModel:
    """Build both towers with the weights a reference names, all of it to be trained.

    Raises:
        WeightsError: the weights are unknown, absent, or do not fit the architecture.
        ConfigError: the architecture cannot read pictures of this size.
    """
    images = create_backbone(ref, locations, seed, image_size_px)
    texts = create_clip_text(ref, locations, seed)
    return PairModel(images, texts.requires_grad_(True))
