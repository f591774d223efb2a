"""The image tower of BLIP, a plain vision transformer from timm.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from torch import Tensor, nn

from trainables.models import deit_backbone
from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard
from trainables.models.timm_backbone import load

__all__ = ["BlipBackbone", "build", "load"]

_CLASS_TOKEN = 0


class BlipBackbone(Backbone):
    """One token after the final norm, and the patch tokens after it, which BLIP's text reads.

    Args:
        pooled_token: index of the token that is the pooled feature, class token first.
    """

    def __init__(
        self,
        card: BackboneCard,
        trunk: nn.Module,
        image_size_px: int,
        pooled_token: int = _CLASS_TOKEN,
    ) -> None:
        super().__init__(card, trunk, image_size_px)
        self.pooled_token = pooled_token

    def features(self, x_nchw: Tensor) -> Features:
        normed_ntd = self.trunk.forward_features(x_nchw)
        return Features(pooled_nd=normed_ntd[:, self.pooled_token], tokens_ntd=normed_ntd[:, 1:])


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights drawn as DeiT's."""
    trunk = deit_backbone.build(card, image_size_px).trunk
    return BlipBackbone(card, trunk, image_size_px)
