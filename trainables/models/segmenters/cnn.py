"""U-Net, U-Net++ and DeepLabV3+ from segmentation_models_pytorch, on an encoder from a card.

Axes: n pictures, c channels, h rows, w columns, k classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
from torch import Tensor

from trainables.errors import ConfigError
from trainables.models.card import WeightsSource
from trainables.models.checkpoints import load_strictly, read_published
from trainables.models.factory import create_backbone
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenters.blueprint import Blueprint
from trainables.models.segmenters.segmenter import Segmenter, TextTokens


class SegmentationCnn(Segmenter):
    """One of the library's networks, all of it trained."""

    network: Any  # the library publishes no types

    def __init__(self, card: SegmenterCard, classes: int) -> None:
        super().__init__(card, classes)
        sizes = dict(card.sizes)
        # By name: the order of the library's arguments differs from version to version.
        self.network = getattr(smp, sizes.pop("architecture"))(
            encoder_weights=None, in_channels=3, classes=classes, activation=None, **sizes
        )

    def forward(self, pixels_nchw: Tensor, tokens: TextTokens | None = None) -> Tensor:
        """Return logits (n, k, h, w) at the size of the input."""
        if tokens is not None:
            raise ConfigError(f"'{self.card.name}' reads no text")
        logits_nkhw: Tensor = self.network(pixels_nchw)
        return logits_nkhw


def build(blueprint: Blueprint) -> SegmentationCnn:
    """Build the network; its encoder is the one part, if there is one."""
    segmenter = SegmentationCnn(blueprint.card, blueprint.classes)
    for part in blueprint.parts:
        backbone = create_backbone(part, blueprint.locations, blueprint.seed)
        encoder = segmenter.network.encoder
        # What the library gets from timm it keeps inside.
        encoder = getattr(encoder, "model", encoder)
        encoder.load_state_dict(backbone.trunk.state_dict())
    return segmenter


def load(segmenter: SegmentationCnn, source: WeightsSource, path: Path) -> None:
    """Load a file of the whole network strictly.

    Raises:
        WeightsError: the file does not fit the network.
    """
    load_strictly(segmenter.network, read_published(path, source), segmenter.card, path)
