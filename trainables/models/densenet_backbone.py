"""DenseNets that read the mean of a picture's channels.

Axes: n pictures, c channels, h rows, w columns, d width.
"""

from __future__ import annotations

from pathlib import Path

import timm
from torch import Tensor

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_checkpoint


class DenseNetBackbone(Backbone):
    """Mean over the last map, after its norm and ReLU."""

    def features(self, x_nchw: Tensor) -> Features:
        map_ndhw = self.trunk.forward_features(x_nchw.mean(dim=1, keepdim=True))
        pooled_nd = self.trunk.forward_head(map_ndhw, pre_logits=True)
        return Features(pooled_nd=pooled_nd, tokens_ntd=map_ndhw.flatten(2).transpose(1, 2))

    def adapt_stem(self, in_chans: int, pretrained: bool) -> None:
        """Do nothing: any number of channels has a mean."""


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture with random weights."""
    trunk = timm.create_model(
        card.architecture, pretrained=False, num_classes=0, in_chans=1, **card.overrides
    )
    return DenseNetBackbone(card, trunk, image_size_px)


def load(backbone: Backbone, _source: WeightsSource, path: Path) -> None:
    """Load weights under torchvision's names strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    load_strictly(backbone.trunk, read_checkpoint(path), backbone.card, path)
