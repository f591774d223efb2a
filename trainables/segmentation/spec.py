"""What a segmentation network and its inputs are, as plain data. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.config import BackboneRef
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.models.segmenter_options import SegmenterOptions
from trainables.segmentation.config import MaskMode, background_of
from trainables.segmentation.input_transform import InputTransform


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmenterSpec:
    """All that rebuilds a network beside its trained state, and feeds it as it was fed.

    Args:
        seed: of the trial that built it: it decided what no file brings.
        channels: output channel -> the classes it answers for, none for the background; empty: one
            channel for all.
        image_size_px: side of the square input.
        threshold: a pixel belongs to the mask where its probability is greater.
        mask_mode: how targets at that size are made of stored masks.
    """

    segmenter: BackboneRef
    seed: int
    image_size_px: int
    threshold: float
    mask_mode: MaskMode
    options: SegmenterOptions = field(default_factory=SegmenterOptions)
    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def background(self) -> int | None:
        """The channel of the background, where channels exclude each other; else None."""
        return background_of(self.channels)

    @property
    def transform(self) -> InputTransform:
        """How pictures are prepared: with the statistics of the network's card."""
        card = get_segmenter_card(self.segmenter.card)
        return InputTransform(size_px=self.image_size_px, mean=card.mean, std=card.std)

    @classmethod
    def of(
        cls,
        segmenter: BackboneRef,
        seed: int,
        *,
        image_size_px: int | None,
        threshold: float | None,
        mask_mode: MaskMode,
        options: SegmenterOptions,
        channels: Mapping[str, tuple[str, ...]] | None = None,
    ) -> SegmenterSpec:
        """Fill in what a config leaves to the card of the network."""
        card = get_segmenter_card(segmenter.card)
        return cls(
            segmenter=segmenter,
            seed=seed,
            image_size_px=card.image_size_px if image_size_px is None else image_size_px,
            threshold=card.threshold if threshold is None else threshold,
            mask_mode=mask_mode,
            options=options,
            channels=channels or {},
        )
