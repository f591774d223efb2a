"""Image towers of open_clip that are conv nets of timm with a projection.

Axes: n pictures, c channels, h rows, w columns, d width.
"""

from __future__ import annotations

from pathlib import Path

from open_clip.timm_model import TimmModel
from torch import Tensor, nn

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_checkpoint


class OpenClipConvBackbone(Backbone):
    """Mean over the last map, normalised -> a small network into the space shared with text."""

    def features(self, x_nchw: Tensor) -> Features:
        map_ndhw = self.trunk.trunk.forward_features(x_nchw)
        pooled_nd = self.trunk.head(self.trunk.trunk.forward_head(map_ndhw))
        return Features(pooled_nd=pooled_nd, tokens_ntd=map_ndhw.flatten(2).transpose(1, 2))


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the image tower for three channels, with random weights."""
    trunk = TimmModel(card.architecture, card.dim, image_size_px, pool="", proj="mlp")
    return OpenClipConvBackbone(card, trunk, image_size_px)


def load(backbone: Backbone, _source: WeightsSource, path: Path) -> None:
    """Load the image tower of a file of both towers strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    module = nn.ModuleDict({"visual": backbone.trunk})
    load_strictly(module, read_checkpoint(path), backbone.card, path)
