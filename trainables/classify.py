"""Fine-tune a backbone with a linear head on labelled pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.engine.config import FitConfig, OptimizerConfig, Precision, ScheduleConfig
from trainables.engine.inputs import Normalisation
from trainables.errors import ConfigError
from trainables.shift import check_shift


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Supervised fine-tuning.

    Args:
        shift_domains: domains the chosen model is also tested on, at the end, as ``test_shift/``.
        batch_size: pictures per optimizer step over all ranks together.
        image_size_px: side of the square input; the backbone card's own when None.
        clip_norm: upper bound of the global gradient norm; 0 leaves gradients as they are.
        augment: random crops of at least half the area, horizontal flips, slight colour changes.
        freeze_backbone: train the head only; batch norms keep their statistics.
        normalisation: by the mean and sd of the backbone's card or of the data set's.
        selection_metric: validation metric that chooses the epoch; larger is better.
    """

    trainable: ClassVar[str] = "classify"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    shift_domains: tuple[str, ...] = ()
    epochs: int = 10
    batch_size: int = 32
    image_size_px: int | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    precision: Precision = "fp32"
    clip_norm: float = 0.0
    augment: bool = False
    freeze_backbone: bool = False
    normalisation: Normalisation = "backbone"
    selection_metric: str = "val/accuracy"

    def __post_init__(self) -> None:
        check_shift(self.data, self.shift_domains)
        if self.image_size_px is not None and self.image_size_px < 1:
            raise ConfigError(f"image_size_px must be >= 1, got {self.image_size_px}")
        if self.normalisation not in ("backbone", "dataset"):
            raise ConfigError(
                f"normalisation must be backbone or dataset, got '{self.normalisation}'"
            )
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
            selection_metric=self.selection_metric,
        )


def run(config: Config, context: Context) -> dict[str, float]:
    """Train, reporting every epoch; replicates return test metrics of the epoch chosen.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    from trainables.engine.supervised import train_and_test

    return train_and_test(config, context)
