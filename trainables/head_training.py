"""How a layer on frozen features is trained by gradient descent. No torch here."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from trainables.engine.config import FitConfig, OptimizerConfig, ScheduleConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadTraining:
    """Adam at a constant rate, to the last epoch; the first of the best epochs is kept.

    The defaults are those of Yang et al. (NeurIPS 2024) for every method on frozen features.
    """

    epochs: int = 200
    batch_size: int = 64
    lr: float = 1e-3
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        self.fit_config()

    def fit_config(self) -> FitConfig:
        """Return what the training loop needs."""
        return _fit_config(self.epochs, self.batch_size, self.lr, self.weight_decay)


@functools.lru_cache(maxsize=1024)  # a plan of a thousand cells has a few kinds of training
def _fit_config(epochs: int, batch_size: int, lr: float, weight_decay: float) -> FitConfig:
    return FitConfig(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=OptimizerConfig(name="adam", lr=lr, weight_decay=weight_decay),
        schedule=ScheduleConfig(name="constant"),
    )
