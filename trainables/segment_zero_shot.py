"""Outline what a text asks for with a network as it was published, without any training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.engine.config import Precision
from trainables.errors import ConfigError
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.models.segmenter_options import SegmenterOptions
from trainables.segmentation.config import MaskMode, PromptConfig, check_evaluation
from trainables.segmentation.spec import SegmenterSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A network that reads text, its weights as they are; fields as in :mod:`trainables.segment`.

    Args:
        batch_size: cases per call over all ranks together.
    """

    trainable: ClassVar[str] = "segment_zero_shot"
    version: ClassVar[int] = 1

    segmenter: BackboneRef
    data: DataRef
    options: SegmenterOptions = field(default_factory=SegmenterOptions)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    classes: tuple[str, ...] = ()
    image_size_px: int | None = None
    mask_mode: MaskMode = "raw"
    threshold: float | None = None
    batch_size: int = 32
    precision: Precision = "fp16"
    share_activations: bool = True
    masks: bool = False

    def __post_init__(self) -> None:
        check_evaluation(self.threshold, self.mask_mode, self.image_size_px, self.batch_size)
        if not get_segmenter_card(self.segmenter.card).reads_text:
            raise ConfigError(f"'{self.segmenter.card}' reads no text: it knows nothing untrained")

    def spec(self, seed: int) -> SegmenterSpec:
        """Return the network and its inputs, under a trial's seed."""
        return SegmenterSpec.of(
            self.segmenter,
            seed,
            image_size_px=self.image_size_px,
            threshold=self.threshold,
            mask_mode=self.mask_mode,
            options=self.options,
        )


def run(config: Config, context: Context) -> dict[str, float]:
    """Score the validation cases, report at step 1; replicates return the metrics of the test.

    The report has ``val/cases``, and ``val/dice`` and ``val/iou`` where the data has a validation
    split at all. What replicates return and leave is that of :func:`trainables.segment.run`, but
    for a trained network.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        ConfigError: a class is unknown.
    """
    from trainables.segmentation.untrained import score_and_test

    return score_and_test(config, context)
