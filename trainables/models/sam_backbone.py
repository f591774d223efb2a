"""The image encoder of SAM, from timm, without its neck.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width, l distances.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import timm
from torch import Tensor, nn

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_published
from trainables.models.positions import resize_distances, resize_positions

_POSITIONS = "pos_embed"
# timm has 1e-5, Kirillov et al. 2023 have 1e-6.
_NORM_EPS = 1e-6


class SamBackbone(Backbone):
    """The last block's map: it has no class token, and neither it nor its mean is normalised."""

    def features(self, x_nchw: Tensor) -> Features:
        map_ndhw = self.trunk.forward_features(x_nchw)
        tokens_ntd = map_ndhw.flatten(2).transpose(1, 2)
        return Features(pooled_nd=tokens_ntd.mean(dim=1), tokens_ntd=tokens_ntd)


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    trunk = timm.create_model(
        card.architecture,
        pretrained=False,
        num_classes=0,
        img_size=image_size_px,
        norm_layer=partial(nn.LayerNorm, eps=_NORM_EPS),
        **card.overrides,
    )
    trunk.neck = nn.Identity()
    return SamBackbone(card, trunk, image_size_px)


def load(backbone: Backbone, source: WeightsSource, path: Path) -> None:
    """Load published weights strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    published = read_published(path, source)
    state = {name.replace(".mlp.lin", ".mlp.fc"): tensor for name, tensor in published.items()}
    _fit_positions(state, backbone.trunk)
    load_strictly(backbone.trunk, state, backbone.card, path)


def _fit_positions(state: dict[str, Tensor], trunk: nn.Module) -> None:
    """Resample absolute positions, and the relative ones of blocks that look at the whole grid."""
    own = trunk.state_dict()
    grid_1hwd = state.get(_POSITIONS)
    if grid_1hwd is not None and grid_1hwd.ndim == 4 and grid_1hwd.shape[1] == grid_1hwd.shape[2]:
        side = own[_POSITIONS].shape[1]
        resized_nd = resize_positions(grid_1hwd.flatten(0, 2), side * side, 0, "antialiased")
        state[_POSITIONS] = resized_nd.reshape(1, side, side, -1)
    for name, block in trunk.get_submodule("blocks").named_children():
        # Tables of windows do not depend on the picture's size.
        if block.window_size == 0:
            for key in (f"blocks.{name}.attn.rel_pos_{axis}" for axis in "hw"):
                if key in state and state[key].ndim == 2:
                    state[key] = resize_distances(state[key], own[key].shape[0])
