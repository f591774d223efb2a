"""Fine-tune a network that outlines what a text asks for, or what it is made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.engine.config import (
    EarlyStopping,
    FitConfig,
    OptimizerConfig,
    Precision,
    ScheduleConfig,
)
from trainables.errors import ConfigError
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.models.segmenter_options import SegmenterOptions
from trainables.segmentation.config import (
    LossConfig,
    MaskMode,
    PromptConfig,
    check_channels,
    check_evaluation,
)
from trainables.segmentation.spec import SegmenterSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Segmentation as in MedVLSM (Poudel et al., MIDL 2024), whose released code sets the defaults.

    Args:
        segmenter: a card of :mod:`trainables.models.segmenter_cards`.
        options: see :class:`SegmenterOptions`.
        data: pictures with masks and, for a network that reads text, prompts.
        prompt: idle for a network that reads no text.
        classes: train and test on the cases of these classes only; on all when empty.
        channels: output channel -> the classes it answers for, for a network of several masks; each
            case is trained and scored on the channel of its class. Empty: one channel for all. One
            channel may answer for no class, the background: then a pixel belongs to one channel
            (softmax), every picture trains once, with all of its structures, and is needed with
            all of them, and batches and ``train_fraction`` are of pictures.
        train_fraction: share of the training cases that is used, in (0, 1]: every class keeps its
            share, and smaller parts are contained in larger ones of the same replicate.
        image_size_px: side of the square input; the card's own when None. Pictures are squashed to
            it and never augmented.
        mask_mode: how targets at that size are made: 'raw' divides what is stored by 255, so that
            JPEG masks are soft targets in loss and validation, as released; 'binary' takes what is
            brighter than 127. Tests at the resolution of the stored mask always do the latter.
        threshold: a pixel belongs to the mask where its probability is greater; the card's when
            None. Idle with a background.
        epochs: the most epochs.
        batch_size: cases per optimizer step over all ranks together.
        decay: the weight decay is of everything that trains, or not of biases and norms.
        schedule: watches ``val/loss``, as released, while ``early_stopping`` watches ``val/dice``.
        precision: of training, validation and, as released, of the test.
        clip_norm: upper bound of the global gradient norm; 0 leaves gradients as they are.
        share_activations: keep what frozen encoders make of pictures and texts in the store;
            computing it anew gives the same numbers up to rounding.
        masks: replicates leave every predicted mask of the test.
    """

    trainable: ClassVar[str] = "segment"
    version: ClassVar[int] = 1

    segmenter: BackboneRef
    data: DataRef
    options: SegmenterOptions = field(default_factory=SegmenterOptions)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    classes: tuple[str, ...] = ()
    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    train_fraction: float = 1.0
    image_size_px: int | None = None
    mask_mode: MaskMode = "raw"
    loss: LossConfig = field(default_factory=LossConfig)
    threshold: float | None = None
    epochs: int = 1000
    batch_size: int = 128
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(lr=2e-3, weight_decay=1e-3)
    )
    decay: Literal["all", "weights"] = "all"
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(
            name="epoch_plateau", factor=0.1, patience=5, plateau_on="loss"
        )
    )
    early_stopping: EarlyStopping | None = field(default_factory=EarlyStopping)
    precision: Precision = "fp16"
    clip_norm: float = 0.5
    share_activations: bool = True
    masks: bool = False

    def __post_init__(self) -> None:
        check_evaluation(self.threshold, self.mask_mode, self.image_size_px, self.batch_size)
        check_channels(self.channels)
        if self.channels and get_segmenter_card(self.segmenter.card).reads_text:
            raise ConfigError(
                f"'{self.segmenter.card}' outlines what its text says: channels must be empty"
            )
        if not 0 < self.train_fraction <= 1:
            raise ConfigError(f"train_fraction must be in (0, 1], got {self.train_fraction}")
        if self.decay not in ("all", "weights"):
            raise ConfigError(f"decay must be all or weights, got '{self.decay}'")
        self.fit_config()

    def fit_config(self) -> FitConfig:
        """Return what the training loop needs of this config."""
        return FitConfig(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            schedule=self.schedule,
            precision=self.precision,
            clip_norm=self.clip_norm,
            selection_metric="val/dice",
            early_stopping=self.early_stopping,
            decay_all=self.decay == "all",
        )

    def spec(self, seed: int) -> SegmenterSpec:
        """Return the network and its inputs, under a trial's seed."""
        return SegmenterSpec.of(
            self.segmenter,
            seed,
            image_size_px=self.image_size_px,
            threshold=self.threshold,
            mask_mode=self.mask_mode,
            options=self.options,
            channels=self.channels,
        )


def run(config: Config, context: Context) -> dict[str, float]:
    """Train, reporting every epoch; replicates test the state of the best ``val/dice``.

    Validation is at the resolution of the network. Replicates return ``test/dice``, ``test/iou`` at
    the resolution of the stored masks, and more: :mod:`trainables.segmentation.summary`; they leave
    the trained network, ``cases.parquet`` and a gallery.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        ConfigError: a class is unknown, or no channel answers for one.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    from trainables.segmentation.training import train_and_test

    return train_and_test(config, context)


def rehearse(config: Config, context: Context, workers: int) -> None:
    """Take two optimizer steps on made-up cases, which need the memory that training needs.

    See :mod:`trainables.rehearsal`.
    """
    from trainables.segmentation.rehearsal import rehearse_training

    rehearse_training(config, context, workers)
