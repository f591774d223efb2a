"""What every method on frozen features shares: fitted on train, reported on val, then tested."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from trainables.analyses.tower import TowerConfig, open_tower
from trainables.context import Context, State
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.data.transforms import Resize
from trainables.engine.final_test import final_metrics
from trainables.metrics.classification import classification_metrics


class FrozenConfig(TowerConfig, Protocol):
    """The fields that configs of methods on frozen features have in common."""

    @property
    def shift_domains(self) -> tuple[str, ...]: ...


class FrozenTask:
    """The data of one trial through the eyes of one frozen network.

    Args:
        resize: see :func:`trainables.analyses.tower.open_tower`.
    """

    def __init__(self, config: FrozenConfig, context: Context, resize: Resize = "squash") -> None:
        self.config, self.context = config, context
        self.tower = open_tower(config, context, resize)
        self.train = open_split(config.data, "train", context)

    def feats(self, images: ImageSet) -> Tensor:
        """Return feats_nd of some pictures."""
        return self.tower.feats(images)

    def report(
        self, logits: Callable[[Tensor], Tensor], extra: dict[str, float], state: State
    ) -> None:
        """Report validation metrics as step 1, the only one.

        Args:
            logits: feats_nd -> logits_nk.
            extra: further ``perf/...`` metrics.
        """
        started = time.perf_counter()
        val = open_split(self.config.data, "val", self.context)
        values = classification_metrics(logits(self.feats(val)).numpy(), val.labels, val.task)
        metrics = {f"val/{name}": value for name, value in values.items()}
        metrics |= extra | {"perf/val_s": time.perf_counter() - started}
        self.context.report(step=1, metrics=metrics, state=lambda: state)

    def test(self, logits: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """Return test and shift metrics of a replicate."""
        return final_metrics(
            lambda images: logits(self.feats(images)),
            self.config.data,
            self.config.shift_domains,
            self.context,
        )
