"""Image towers from open_clip.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip
from torch import Tensor, nn

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly
from trainables.models.clip_names import read_pair
from trainables.models.positions import resize_positions

_POSITIONS = "visual.positional_embedding"


class OpenClipBackbone(Backbone):
    """The image tower: class token -> final norm -> projection into the space shared with text."""

    def features(self, x_nchw: Tensor) -> Features:
        found = self.trunk.forward_intermediates(
            x_nchw, indices=1, normalize_intermediates=False, output_fmt="NLC"
        )
        return Features(
            pooled_nd=found["image_features"], tokens_ntd=found["image_intermediates"][-1]
        )

    def take_projection(self) -> nn.Parameter:
        """Remove the projection and return it, (d before, d after): features are those before."""
        projection: nn.Parameter = self.trunk.proj
        self.trunk.proj = None
        self.dim = projection.shape[0]
        return projection


def clip_config(card: BackboneCard, image_size_px: int) -> dict[str, Any]:
    """Return the library's own description of both towers."""
    config: dict[str, Any] = open_clip.get_model_config(card.architecture)
    for key, value in card.overrides.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    config["vision_cfg"] = {**config["vision_cfg"], "image_size": image_size_px}
    return config


def build_clip(card: BackboneCard, image_size_px: int) -> open_clip.CLIP:
    """Build both towers with random weights."""
    return open_clip.CLIP(**clip_config(card, image_size_px))


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the image tower for three channels, with random weights."""
    return OpenClipBackbone(card, build_clip(card, image_size_px).visual, image_size_px)


def load(backbone: Backbone, _source: WeightsSource, path: Path) -> None:
    """Load the image tower of a published checkpoint strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    card, trunk = backbone.card, backbone.trunk
    state = read_pair(path)
    if card.position_resize is not None and _POSITIONS in state:
        n_target = trunk.get_parameter(_POSITIONS.removeprefix("visual.")).shape[0]
        state[_POSITIONS] = resize_positions(
            state[_POSITIONS], n_target, n_prefix=1, style=card.position_resize
        )
    # Both towers have a 'transformer.': only the file's own prefix tells them apart.
    load_strictly(nn.ModuleDict({"visual": trunk}), state, card, path)
