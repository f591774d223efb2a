"""Swin transformers from timm, whose maps are (n, h, w, d).

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from pathlib import Path

import timm
from timm.models.swin_transformer import checkpoint_filter_fn
from torch import Tensor

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_checkpoint


class SwinBackbone(Backbone):
    """Mean over the tokens after the final norm."""

    def features(self, x_nchw: Tensor) -> Features:
        map_nhwd = self.trunk.layers(self.trunk.patch_embed(x_nchw))
        pooled_nd = self.trunk.forward_head(self.trunk.norm(map_nhwd), pre_logits=True)
        return Features(pooled_nd=pooled_nd, tokens_ntd=map_nhwd.flatten(1, 2))


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    trunk = timm.create_model(
        card.architecture,
        pretrained=False,
        num_classes=0,
        img_size=image_size_px,
        **card.overrides,
    )
    return SwinBackbone(card, trunk, image_size_px)


def load(backbone: Backbone, _source: WeightsSource, path: Path) -> None:
    """Load published weights strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    # The authors keep patch merging at the end of a stage and store masks that are computed; where
    # a map is smaller than a window, the window and its table of positions shrink.
    state = checkpoint_filter_fn(read_checkpoint(path), backbone.trunk)
    load_strictly(backbone.trunk, state, backbone.card, path)
