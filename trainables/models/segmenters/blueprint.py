"""What a segmenter is built from."""

from __future__ import annotations

from dataclasses import dataclass

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.segmenter_card import SegmenterCard
from trainables.models.segmenter_options import SegmenterOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Blueprint:
    """One network to build.

    Args:
        parts: other cards whose weights go into it, in the order the card's module reads them.
        seed: of random weights inside the parts.
    """

    card: SegmenterCard
    options: SegmenterOptions
    classes: int
    parts: tuple[BackboneRef, ...]
    locations: Locations
    seed: int
