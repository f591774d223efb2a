"""How a model is trained: optimizer, precision, validation. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from trainables.engine.schedule_config import ScheduleConfig
from trainables.errors import ConfigError, check_at_least

Precision = Literal["fp32", "bf16", "fp16"]
Selection = Literal["first_best", "paper", "lowest"]

__all__ = [
    "AdamMoments",
    "EarlyStopping",
    "FitConfig",
    "OptimizerConfig",
    "Precision",
    "ScheduleConfig",
    "Selection",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """Gradient descent.

    Args:
        weight_decay: decoupled for adamw, added to the gradient for adam and sgd; biases and
            one-dimensional parameters (norms, layer scales) are free of it. Tokens and tables of
            positions are not.
        momentum: of sgd only; Adam's betas are 0.9 and 0.999.
        lars_trust: trust coefficient of LARS, which scales each tensor's gradient to the size of
            the tensor; 0 is off. With it, every decay is added to the gradient.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    lars_trust: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in ("adamw", "adam", "sgd"):
            raise ConfigError(f"optimizer.name must be adamw, adam or sgd, got '{self.name}'")
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise ConfigError(f"optimizer.lr must be > 0, got {self.lr}")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"optimizer.momentum must be in [0, 1), got {self.momentum}")
        check_at_least(0, "optimizer.", weight_decay=self.weight_decay, lars_trust=self.lars_trust)


@dataclass(frozen=True, kw_only=True, slots=True)
class AdamMoments:
    """How Adam and AdamW average gradients; PyTorch's own values unless a method says otherwise."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"betas must be in [0, 1), got {self.betas}")
        if not self.eps > 0:
            raise ConfigError(f"eps must be > 0, got {self.eps}")


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlyStopping:
    """When a run ends before its last epoch: judged once per epoch, by the selection metric.

    Args:
        patience: epochs in a row that may pass without an improvement; the run ends with the last
            of them.
        min_delta: an improvement is more than this above the best value that was one.
        min_epochs: no run ends before this many.
    """

    patience: int = 20
    min_delta: float = 1e-4
    min_epochs: int = 10

    def __post_init__(self) -> None:
        check_at_least(1, "early_stopping.", patience=self.patience, min_epochs=self.min_epochs)
        check_at_least(0, "early_stopping.", min_delta=self.min_delta)


@dataclass(frozen=True, kw_only=True, slots=True)
class FitConfig:
    """What the training loop needs to know.

    Args:
        epochs: the most epochs; ``schedule.stop_below_lr`` can end a run before.
        batch_size: pictures per optimizer step over all ranks together.
        drop_last: leave out the last batch of an epoch when it is not full.
        clip_norm: upper bound of the global gradient norm; 0 leaves gradients as they are.
        val_every: validate every this many epochs (0.5: twice an epoch), rounded down to whole
            optimizer steps but at least one, and at the end of each epoch.
        selection_metric: what :func:`trainables.engine.loop.fit` keeps the best state by; the first
            of equals wins.
        selection: see :mod:`trainables.engine.selection`.
        adam: of the optimizers adam and adamw.
        unfinished_warmup: let the run end before its warm-up does, with a warning.
        early_stopping: None trains every epoch.
        decay_all: the weight decay is of every parameter, biases and norms too.
    """

    epochs: int
    batch_size: int
    drop_last: bool = False
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    precision: Precision = "fp32"
    clip_norm: float = 0.0
    val_every: float = 1.0
    selection_metric: str = "val/accuracy"
    selection: Selection = "first_best"
    adam: AdamMoments = field(default_factory=AdamMoments)
    unfinished_warmup: bool = False
    early_stopping: EarlyStopping | None = None
    decay_all: bool = False

    def __post_init__(self) -> None:
        check_at_least(1, epochs=self.epochs)
        check_at_least(2, batch_size=self.batch_size)
        if self.precision not in ("fp32", "bf16", "fp16"):
            raise ConfigError(f"precision must be fp32, bf16 or fp16, got '{self.precision}'")
        check_at_least(0, clip_norm=self.clip_norm)
        if not 0 < self.val_every <= 1:
            raise ConfigError(f"val_every must be in (0, 1] epochs, got {self.val_every}")
        if self.selection not in ("first_best", "paper", "lowest"):
            raise ConfigError(
                f"selection must be first_best, paper or lowest, got '{self.selection}'"
            )
        if not self.selection_metric.startswith("val/"):
            raise ConfigError(
                f"selection_metric must be a 'val/' metric, got '{self.selection_metric}'"
            )
