"""From a reference to a network: build, draw or load its weights, fit its stem."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import ConfigError
from trainables.models import twin_pretraining as twin
from trainables.models.backbone import Backbone
from trainables.models.card import BackboneCard, WeightsSource
from trainables.models.cards import get_backbone_card
from trainables.models.contents import has_contents
from trainables.models.seeding import seeded
from trainables.models.statistics_transfer import transfer_seed, transfer_statistics
from trainables.models.weights import require_weights


class Loader(Protocol):
    """What the module a card names has to offer."""

    def build(self, card: BackboneCard, image_size_px: int) -> Backbone:
        """Build the architecture for three channels, with random weights."""

    def load(self, backbone: Backbone, source: WeightsSource, path: Path) -> None:
        """Load published weights strictly."""


def create_backbone(
    ref: BackboneRef,
    locations: Locations,
    seed: int,
    image_size_px: int | None = None,
    in_chans: int = 3,
    replicate: int = 0,
) -> Backbone:
    """Build a backbone, in training mode, with the weights it names; never uses the network.

    The weights of a twin are trained on first use, for some seconds, and kept in the store.

    Args:
        seed: decides random weights; published and twin weights do not depend on it.
        image_size_px: side of the square input, the card's own when None.
        in_chans: channels of the input; other than three changes the stem.
        replicate: which draw of the weights beyond ``ref.transfer_level``, where there is one.

    Raises:
        SelectionError: there is no such card.
        WeightsError: the weights are unknown, absent, or do not fit the architecture.
        StorageError: the store cannot hold the weights of a twin.
        ConfigError: the architecture cannot read pictures of this size, or has no such level or
            block.
    """
    card = get_backbone_card(ref.card)
    status = require_weights(ref, locations)
    size_px = _checked_size(card, image_size_px)
    loader = cast(Loader, importlib.import_module(card.module))
    with seeded(seed):
        backbone = loader.build(card, size_px)
        if has_contents():
            if status.kind == "twin":
                # It stands in for one published file: the same for every trial.
                loader.load(backbone, twin.SOURCE, twin.twin_weights(card, loader.build, locations))
            elif status.path is not None:
                loader.load(backbone, card.source(ref.weights), status.path)
            if ref.transfer_level is not None:
                transfer_statistics(backbone, ref.transfer_level, transfer_seed(ref, replicate))
        if ref.output_block is not None:
            backbone.keep_blocks(ref.output_block)
        backbone.adapt_stem(in_chans, pretrained=status.kind != "random")
    return backbone


def _checked_size(card: BackboneCard, image_size_px: int | None) -> int:
    size_px = card.image_size_px if image_size_px is None else image_size_px
    if size_px < card.smallest_px:
        raise ConfigError(f"'{card.name}' needs at least {card.smallest_px} px, got {size_px}")
    if card.position_resize is not None and size_px % card.stride_px:
        lower = size_px - size_px % card.stride_px
        raise ConfigError(
            f"'{card.name}' has patches of {card.stride_px} px: image_size_px must be a multiple "
            f"(such as {lower} or {lower + card.stride_px}), got {size_px}"
        )
    return size_px
