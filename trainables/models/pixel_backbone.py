"""No network: the grey levels of a small picture are its feature.

Axes: n pictures, c channels, h rows, w columns, d width.
"""

from __future__ import annotations

from torch import Tensor, nn

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard


class PixelBackbone(Backbone):
    """Row by row, as the transform of the card hands them out; all channels are equal."""

    def features(self, x_nchw: Tensor) -> Features:
        return Features(pooled_nd=x_nchw[:, 0].flatten(1), tokens_ntd=None)

    def adapt_stem(self, in_chans: int, pretrained: bool) -> None:
        """Do nothing: one channel is as good as three equal ones."""


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Return what reads pictures of this size."""
    backbone = PixelBackbone(card, nn.Identity(), image_size_px)
    backbone.dim = image_size_px**2
    return backbone
