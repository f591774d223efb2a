"""The image tower of MedCLIP: a Swin transformer of transformers, and a projection.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from transformers import SwinConfig, SwinModel

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_published

# From the names of transformers 4, which the authors' file has, to those of today.
_INSIDE = {
    ".attention.self.query.": ".attention.q_proj.",
    ".attention.self.key.": ".attention.k_proj.",
    ".attention.self.value.": ".attention.v_proj.",
    ".attention.output.dense.": ".attention.o_proj.",
    ".attention.self.relative_position_bias_table": (
        ".attention.relative_position_bias.relative_position_bias_table"
    ),
    ".intermediate.dense.": ".mlp.fc1.",
    ".output.dense.": ".mlp.fc2.",
}
# Computed from the size of the window, not learned.
_INDEX = ".relative_position_index"


class MedClipTower(nn.Module):
    """The modules under the names of the authors' file."""

    def __init__(self, model: SwinModel, dim: int) -> None:
        super().__init__()
        self.model = model
        self.projection_head = nn.Linear(model.num_features, dim, bias=False)


class MedClipBackbone(Backbone):
    """Mean over the tokens after the final norm -> projection into the space of texts."""

    def features(self, x_nchw: Tensor) -> Features:
        found = self.trunk.model(x_nchw)
        pooled_nd = self.trunk.projection_head(found.pooler_output)
        return Features(pooled_nd=pooled_nd, tokens_ntd=found.last_hidden_state)


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    config = SwinConfig(image_size=image_size_px, **card.overrides)
    return MedClipBackbone(card, MedClipTower(SwinModel(config), card.dim), image_size_px)


def load(backbone: Backbone, source: WeightsSource, path: Path) -> None:
    """Load the image tower of a file of both towers strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    load_strictly(backbone.trunk, _renamed(read_published(path, source)), backbone.card, path)


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {_new_name(name): t for name, t in state.items() if not name.endswith(_INDEX)}


def _new_name(name: str) -> str:
    for old, new in _INSIDE.items():
        if old in name:
            return name.replace(old, new)
    return name
