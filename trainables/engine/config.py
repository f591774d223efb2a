"""How a model is trained: optimizer, schedule, precision. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from trainables.errors import ConfigError

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """Gradient descent.

    Args:
        weight_decay: decoupled for adamw, added to the gradient for adam and sgd; biases and
            one-dimensional parameters (norms, layer scales) are free of it.
        momentum: of sgd only; Adam's betas are 0.9 and 0.999.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9

    def __post_init__(self) -> None:
        if self.name not in ("adamw", "adam", "sgd"):
            raise ConfigError(f"optimizer.name must be adamw, adam or sgd, got '{self.name}'")
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise ConfigError(f"optimizer.lr must be > 0, got {self.lr}")
        if self.weight_decay < 0:
            raise ConfigError(f"optimizer.weight_decay must be >= 0, got {self.weight_decay}")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"optimizer.momentum must be in [0, 1), got {self.momentum}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleConfig:
    """How the learning rate moves, once per optimizer step.

    Args:
        name: after the warm-up, stay constant or fall to 0 along half a cosine.
        warmup_steps: linear warm-up; the rate of step i is lr (i + 1) / warmup_steps.
    """

    name: Literal["constant", "cosine"] = "cosine"
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        if self.name not in ("constant", "cosine"):
            raise ConfigError(f"schedule.name must be constant or cosine, got '{self.name}'")
        if self.warmup_steps < 0:
            raise ConfigError(f"schedule.warmup_steps must be >= 0, got {self.warmup_steps}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FitConfig:
    """What the training loop needs to know.

    Args:
        batch_size: pictures per optimizer step over all ranks together.
        clip_norm: upper bound of the global gradient norm; 0 leaves gradients as they are.
        selection_metric: what :func:`trainables.engine.loop.fit` keeps the best state by; larger
            is better and the first of equals wins.
    """

    epochs: int
    batch_size: int
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    precision: Precision = "fp32"
    clip_norm: float = 0.0
    selection_metric: str = "val/accuracy"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"epochs must be >= 1, got {self.epochs}")
        if self.batch_size < 2:
            raise ConfigError(f"batch_size must be >= 2, got {self.batch_size}")
        if self.precision not in ("fp32", "bf16", "fp16"):
            raise ConfigError(f"precision must be fp32, bf16 or fp16, got '{self.precision}'")
        if self.clip_norm < 0:
            raise ConfigError(f"clip_norm must be >= 0, got {self.clip_norm}")
        if not self.selection_metric.startswith("val/"):
            raise ConfigError(
                f"selection_metric must be a 'val/' metric, got '{self.selection_metric}'"
            )
