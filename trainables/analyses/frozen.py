"""What every method on frozen features shares: fitted on train, reported on val, then tested."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from trainables.config import BackboneRef, DataRef
from trainables.context import Context, State
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.engine.final_test import final_metrics
from trainables.engine.inputs import Channels, eval_transform
from trainables.features import frozen_features
from trainables.metrics.classification import classification_metrics


class FrozenConfig(Protocol):
    """The fields that configs of methods on frozen features have in common."""

    @property
    def backbone(self) -> BackboneRef: ...
    @property
    def data(self) -> DataRef: ...
    @property
    def shift_domains(self) -> tuple[str, ...]: ...
    @property
    def image_size_px(self) -> int | None: ...
    @property
    def channels(self) -> Channels: ...


class FrozenTask:
    """The data of one trial through the eyes of one frozen backbone."""

    def __init__(self, config: FrozenConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.transform = eval_transform(
            config.backbone, config.data, config.image_size_px, channels=config.channels
        )
        self.train = open_split(config.data, "train", context)

    def feats(self, images: ImageSet) -> Tensor:
        """Return feats_nd of some pictures."""
        return frozen_features(self.config.backbone, images, self.transform, self.context)

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
