"""Backbones from timm: CNNs and vision transformers.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from pathlib import Path

import timm
from torch import Tensor

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_published, rename_by_order
from trainables.models.positions import resize_positions

_POSITIONS = "pos_embed"


class TimmBackbone(Backbone):
    """A timm model: mean over the last map for CNNs, normalised class token for transformers."""

    def features(self, x_nchw: Tensor) -> Features:
        if self.card.position_resize is None:
            map_ndhw = self.trunk.forward_features(x_nchw)
            tokens_ntd = map_ndhw.flatten(2).transpose(1, 2)
            pooled_nd = self.trunk.forward_head(map_ndhw, pre_logits=True)
        else:
            normed_ntd, (tokens_ntd,) = self.trunk.forward_intermediates(
                x_nchw, indices=1, norm=False, output_fmt="NLC"
            )
            pooled_nd = self.trunk.forward_head(normed_ntd, pre_logits=True)
        return Features(pooled_nd=pooled_nd, tokens_ntd=tokens_ntd)


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    arguments = dict(card.overrides)
    if card.position_resize is not None:
        arguments["img_size"] = image_size_px
    trunk = timm.create_model(card.architecture, pretrained=False, num_classes=0, **arguments)
    return TimmBackbone(card, trunk, image_size_px)


def load(backbone: Backbone, source: WeightsSource, path: Path) -> None:
    """Load published weights strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    card, trunk = backbone.card, backbone.trunk
    state = read_published(path, source)
    if source.layout == "ordered":
        state = rename_by_order(state, trunk.state_dict(), card, path)
    if card.position_resize is not None and _POSITIONS in state:
        n_target = trunk.get_parameter(_POSITIONS).shape[1]
        n_prefix: int = trunk.num_prefix_tokens
        positions_nd = state[_POSITIONS].squeeze(0)
        resized_nd = resize_positions(positions_nd, n_target, n_prefix, card.position_resize)
        state[_POSITIONS] = resized_nd[None]
    load_strictly(trunk, state, card, path)
