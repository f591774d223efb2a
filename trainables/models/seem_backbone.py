"""The vision backbone of SEEM.

Axes: n pictures, c channels, h rows, w columns, t tokens, d width.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from trainables.models.backbone import Backbone, Features
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.checkpoints import load_strictly, read_published
from trainables.models.focalnet import FocalNet

_BARE_GREY_STEM = "bare_grey_stem"
_RGB = 3


class SeemBackbone(Backbone):
    """Mean over the places of the last map after its norm; the places are the tokens.

    With the override ``bare_grey_stem`` of its card, a stem of other than three channels has
    neither padding nor norm.
    """

    trunk: FocalNet

    def features(self, x_nchw: Tensor) -> Features:
        tokens_ntd = self.trunk(x_nchw).flatten(2).transpose(1, 2)
        return Features(pooled_nd=tokens_ntd.mean(dim=1), tokens_ntd=tokens_ntd)

    def keep_blocks(self, last: int) -> None:
        """Drop, in place, every stage after one, counted from 0, and take its width."""
        n_dropped = len(self.trunk.layers) - 1 - last
        self.trunk.keep_stages(last)
        self.dim //= 2**n_dropped

    def adapt_stem(self, in_chans: int, pretrained: bool) -> None:
        super().adapt_stem(in_chans, pretrained)
        if in_chans != _RGB and self.card.overrides.get(_BARE_GREY_STEM, False):
            self.trunk.patch_embed.bare()

    def units(self) -> list[nn.Module]:
        """Return the stages; the step down to the next one belongs to a stage."""
        return list(self.trunk.layers)


def build(card: BackboneCard, image_size_px: int) -> Backbone:
    """Build the architecture for three channels, with random weights."""
    arguments = {name: value for name, value in card.overrides.items() if name != _BARE_GREY_STEM}
    return SeemBackbone(card, FocalNet(**arguments), image_size_px)


def load(backbone: Backbone, source: WeightsSource, path: Path) -> None:
    """Load the backbone out of a published checkpoint strictly.

    Raises:
        WeightsError: the file does not fit the architecture.
    """
    load_strictly(backbone.trunk, read_published(path, source), backbone.card, path)
