"""Fine-tune a backbone with a head on labelled pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.data.augmentation import Augmentation
from trainables.data.transforms import Interpolation, Resize
from trainables.engine.config import (
    FitConfig,
    OptimizerConfig,
    Precision,
    ScheduleConfig,
    Selection,
)
from trainables.engine.inputs import Channels, Normalisation, check_channels, check_resize
from trainables.errors import ConfigError, check_at_least
from trainables.models.depth import check_depth
from trainables.models.head_config import HeadConfig
from trainables.shift import check_shift


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Supervised fine-tuning.

    Args:
        head: what reads the backbone; a linear layer unless a study says otherwise.
        shift_domains: domains the chosen model is also tested on, at the end, as ``test_shift/``.
        train_fraction: share of the training pictures that is used, in (0, 1]: every class keeps
            its share, and smaller parts are contained in larger ones of the same replicate.
        epochs: the most epochs; ``schedule.stop_below_lr`` can end a run before.
        batch_size: pictures per optimizer step over all ranks together.
        drop_last: leave out the last batch of an epoch when it is not full.
        image_size_px: side of the square input; the backbone card's own when None.
        channels: 'rgb' feeds grey pictures three times over; 'native' feeds as many channels as the
            data set has, through a stem that is cut to them (see docs/models.md).
        resize: 'squash' makes pictures square whatever their shape; 'center_crop' scales the short
            side and takes the middle, as CLIP does; 'pad' puts black around them until they are
            square. Towers of the input ``clip`` bring their own way.
        clip_norm: upper bound of the global gradient norm; 0 leaves gradients as they are.
        crop_fraction: pictures are squashed to the input side divided by this (0.875: 256 for an
            input of 224); tests see the middle, a random crop of ``augment`` is cut from it.
        interpolation: how pictures are resized; the backbone card's own when None.
        augment: random changes of training pictures, see :meth:`Augmentation.preset`.
        freeze_backbone: train the head only; the backbone stays in evaluation mode: batch norms
            keep their statistics.
        unfreeze_from: train the blocks of a frozen backbone from this one on, counted from 0; all
            else of it stays frozen and in evaluation mode.
        normalisation: by the mean and sd of the backbone's card or of the data set's.
        val_every: validate every this many epochs, at most 1, and at the end of each epoch; the
            best validation of an epoch is what it reports.
        val_batches: 'all' validates on all pictures; 'full_batches_shuffled' on as many as fill
            batches, drawn anew at each validation, as Pales Huix et al. (WACV 2024) do.
        selection_metric: validation metric that chooses the state to keep.
        selection: 'first_best': the largest; 'paper': rounded to 3 decimals, above 0, else the
            initial state; 'lowest': the smallest, as of ``val/loss``.
        keep_initial: replicates leave their state before training as ``initial.safetensors``.
    """

    trainable: ClassVar[str] = "classify"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    head: HeadConfig = field(default_factory=HeadConfig)
    shift_domains: tuple[str, ...] = ()
    train_fraction: float = 1.0
    epochs: int = 10
    batch_size: int = 32
    drop_last: bool = False
    image_size_px: int | None = None
    channels: Channels = "rgb"
    resize: Resize = "squash"
    crop_fraction: float = 1.0
    interpolation: Interpolation | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    precision: Precision = "fp32"
    clip_norm: float = 0.0
    augment: Augmentation = field(default_factory=Augmentation)
    freeze_backbone: bool = False
    unfreeze_from: int | None = None
    normalisation: Normalisation = "backbone"
    val_every: float = 1.0
    val_batches: Literal["all", "full_batches_shuffled"] = "all"
    selection_metric: str = "val/accuracy"
    selection: Selection = "first_best"
    keep_initial: bool = False

    def __post_init__(self) -> None:
        check_shift(self.data, self.shift_domains)
        check_channels(self.channels)
        check_resize(self.resize)
        check_at_least(1, image_size_px=self.image_size_px)
        if self.normalisation not in ("backbone", "dataset"):
            raise ConfigError(
                f"normalisation must be backbone or dataset, got '{self.normalisation}'"
            )
        if self.interpolation not in (None, "bilinear", "bicubic"):
            raise ConfigError(
                f"interpolation must be bilinear or bicubic, got '{self.interpolation}'"
            )
        for name in ("train_fraction", "crop_fraction"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be in (0, 1], got {getattr(self, name)}")
        self._check_unfreezing()
        if self.val_batches not in ("all", "full_batches_shuffled"):
            raise ConfigError(
                f"val_batches must be all or full_batches_shuffled, got '{self.val_batches}'"
            )
        self.fit_config()

    def _check_unfreezing(self) -> None:
        if self.unfreeze_from is None:
            return
        if not self.freeze_backbone:
            raise ConfigError("unfreeze_from is of a frozen backbone: set freeze_backbone=true")
        check_depth("unfreeze_from", self.unfreeze_from, self.backbone)

    def fit_config(self) -> FitConfig:
        """Return what the training loop needs of this config."""
        return FitConfig(
            epochs=self.epochs,
            batch_size=self.batch_size,
            drop_last=self.drop_last,
            optimizer=self.optimizer,
            schedule=self.schedule,
            precision=self.precision,
            clip_norm=self.clip_norm,
            val_every=self.val_every,
            selection_metric=self.selection_metric,
            selection=self.selection,
        )


def run(config: Config, context: Context) -> dict[str, float]:
    """Train, reporting every epoch; replicates return test metrics of the state chosen.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    from trainables.engine.supervised import train_and_test

    return train_and_test(config, context)


def rehearse(config: Config, context: Context, workers: int) -> None:
    """Take two optimizer steps on made-up pictures, which need the memory that training needs.

    See :mod:`trainables.rehearsal`.
    """
    from trainables.engine.supervised_rehearsal import rehearse_training

    rehearse_training(config, context, workers)
