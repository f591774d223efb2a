"""From a reference to a segmentation network with the weights it names."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from torch import Tensor

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import ConfigError
from trainables.models.card import WeightsSource
from trainables.models.contents import has_contents
from trainables.models.seeding import seeded
from trainables.models.segmenter_cards import SegmenterCard, get_segmenter_card
from trainables.models.segmenter_options import SegmenterOptions
from trainables.models.segmenters import twin_pretraining as twin
from trainables.models.segmenters.blueprint import Blueprint
from trainables.models.segmenters.lessons import Lessons
from trainables.models.segmenters.segmenter import Segmenter
from trainables.models.weights import require_weights

_PUBLISHED = SegmenterOptions()


class Loader(Protocol):
    """What the module a card names has to offer."""

    def build(self, blueprint: Blueprint) -> Segmenter:
        """Build the network from the parts of other cards, with random weights elsewhere."""

    def load(self, segmenter: Segmenter, source: WeightsSource, path: Path) -> None:
        """Load a file of the whole network strictly."""


class TwinLoader(Loader, Protocol):
    """What the module of a twin with weights of its own has to offer besides."""

    def learn(self, card: SegmenterCard, lessons: Lessons) -> dict[str, Tensor]:
        """Build the twin, teach it, and return its tensors for ``load`` to read."""


def build_segmenter(
    ref: BackboneRef,
    locations: Locations,
    seed: int,
    *,
    classes: int = 1,
    options: SegmenterOptions = _PUBLISHED,
) -> Segmenter:
    """Build a segmenter, in training mode, with the weights it names; never uses the network.

    The weights of a twin are trained on first use, for some seconds, and kept in the store.

    Args:
        seed: decides what no file brings, such as a fresh decoder.
        classes: masks per picture; other than one for networks that read no text only.

    Raises:
        SelectionError: there is no such card.
        WeightsError: the weights are unknown, absent, or do not fit the network.
        StorageError: the store cannot hold the weights of a twin.
        ConfigError: the network gives one mask per text, and more were asked for.
    """
    card = get_segmenter_card(ref.card)
    status = require_weights(ref, locations)
    if classes != 1 and card.reads_text:
        raise ConfigError(f"'{card.name}' gives one mask per text: classes must be 1")
    loader = cast(Loader, importlib.import_module(card.module))
    blueprint = Blueprint(
        card=card,
        options=options,
        classes=classes,
        parts=card.parts.get(ref.weights, ()),
        locations=locations,
        seed=seed,
    )
    with seeded(seed):
        segmenter = loader.build(blueprint)
        source = card.source(ref.weights)
        if not has_contents():
            return segmenter.train()
        if source is not None and status.path is not None:
            loader.load(segmenter, source, status.path)
        elif status.kind == "twin" and not card.parts:
            learn = cast(TwinLoader, loader).learn
            loader.load(segmenter, twin.SOURCE, twin.twin_weights(card, learn, locations))
    return segmenter.train()
