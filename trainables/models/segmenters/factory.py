"""From a reference to a segmentation network with the weights it names."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from torch import Tensor

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import ConfigError
from trainables.models.card import RANDOM, WeightsSource
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
    blueprint = _blueprint(card, card.parts.get(ref.weights, ()), locations, seed, classes, options)
    loader = cast(Loader, importlib.import_module(card.module))
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


def build_unread(
    ref: BackboneRef,
    locations: Locations,
    seed: int,
    *,
    classes: int = 1,
    options: SegmenterOptions = _PUBLISHED,
) -> Segmenter:
    """Build what :func:`build_segmenter` does with all weights drawn, whatever the reference names.

    No file is read: the weights are to be loaded.

    Raises:
        SelectionError, ConfigError: as there.
    """
    card = get_segmenter_card(ref.card)
    parts = [replace(part, weights=RANDOM) for part in card.parts.get(ref.weights, ())]
    blueprint = _blueprint(card, parts, locations, seed, classes, options)
    with seeded(seed):
        return cast(Loader, importlib.import_module(card.module)).build(blueprint).train()


def _blueprint(
    card: SegmenterCard,
    parts: Sequence[BackboneRef],
    locations: Locations,
    seed: int,
    classes: int,
    options: SegmenterOptions,
) -> Blueprint:
    if classes != 1 and card.reads_text:
        raise ConfigError(f"'{card.name}' gives one mask per text: classes must be 1")
    return Blueprint(
        card=card,
        options=options,
        classes=classes,
        parts=tuple(parts),
        locations=locations,
        seed=seed,
    )
