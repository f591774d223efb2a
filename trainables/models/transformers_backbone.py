"""Image towers from transformers: DINOv2 as published on the hub.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor
from transformers import Dinov2Config, Dinov2Model

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_checkpoint
from trainables.models.positions import resize_positions

_POSITIONS = "embeddings.position_embeddings"
# Published files keep the names of transformers 4; loading them without these renames and without
# a strict check would leave every attention layer random.
_RENAMED = {
    ".attention.attention.query.": ".attention.q_proj.",
    ".attention.attention.key.": ".attention.k_proj.",
    ".attention.attention.value.": ".attention.v_proj.",
    ".attention.output.dense.": ".attention.o_proj.",
}


class TransformersBackbone(Backbone):
    """The class token after the final norm, and the patch tokens before it."""

    def features(self, x_nchw: Tensor) -> Features:
        patches = self.trunk.embeddings.patch_embeddings
        # The library compares with the channels it was built for; the stem may have been widened.
        patches.num_channels = patches.projection.in_channels
        hidden_ntd = self.trunk.encoder(self.trunk.embeddings(x_nchw)).last_hidden_state
        pooled_nd = self.trunk.layernorm(hidden_ntd[:, 0])
        return Features(pooled_nd=pooled_nd, tokens_ntd=hidden_ntd[:, 1:])


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    config = Dinov2Config(
        **{
            "hidden_size": card.dim,
            "patch_size": card.stride_px,
            "image_size": image_size_px,
            # Of masked pre-training only: without a gradient it would break DDP.
            "use_mask_token": False,
            **card.overrides,
        }
    )
    return TransformersBackbone(card, Dinov2Model(config), image_size_px)


def load(backbone: Backbone, _source: WeightsSource, path: Path) -> None:
    """Load a published checkpoint strictly, under the names it was published with or the new ones.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    card, trunk = backbone.card, backbone.trunk
    state = {_new_name(name): tensor for name, tensor in read_checkpoint(path).items()}
    if card.position_resize is not None and _POSITIONS in state:
        n_target = trunk.embeddings.position_embeddings.shape[1]
        state[_POSITIONS] = resize_positions(
            state[_POSITIONS][0], n_target, n_prefix=1, style=card.position_resize
        )[None]
    load_strictly(trunk, state, card, path)


def _new_name(name: str) -> str:
    for old, new in _RENAMED.items():
        name = name.replace(old, new)
    return name
