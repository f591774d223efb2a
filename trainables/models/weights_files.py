"""The files of published weights, as a weights folder of their own would hold them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.card import RANDOM, TWIN
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.weights import card_of, require_weights


def weights_files(ref: BackboneRef, locations: Locations) -> Mapping[str, Path]:
    """Return the path inside a weights folder of every file a reference needs -> where it is.

    Empty for what is drawn or trained on the spot.

    Raises:
        SelectionError, WeightsError: there is no such card, or its weights are not here.
    """
    card = card_of(ref.card)
    files: dict[str, Path] = {}
    if isinstance(card, SegmenterCard):
        for part in card.parts.get(ref.weights, ()):
            files |= weights_files(part, locations)
    source = None if ref.weights in (RANDOM, TWIN) else card.source(ref.weights)
    found = require_weights(ref, locations).path
    if source is None or found is None:
        return files
    beside = () if isinstance(card, SegmenterCard) else card.companions
    folder = source.folder or card.name
    for path in (found, *(found.parent / name for name in beside)):
        files[f"{folder}/{path.name}"] = path
    return files
