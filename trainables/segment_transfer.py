"""Test segmenters that other cells trained on another data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trainables.config import DataRef
from trainables.context import Context
from trainables.engine.config import Precision
from trainables.segmentation.config import PromptConfig, check_evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What is tested on; threshold, size and targets are those the network was trained with.

    The trial's input is ``trained``, a network of :mod:`trainables.segment`; or there is one input
    for each class of the data, by its name, and each case is scored by that of its class.

    Args:
        prompt: None keeps the prompts that the network was trained with.
        batch_size: cases per call over all ranks together.
        precision, share_activations, masks: as in :mod:`trainables.segment`.
    """

    trainable: ClassVar[str] = "segment_transfer"
    version: ClassVar[int] = 2

    data: DataRef
    prompt: PromptConfig | None = None
    batch_size: int = 32
    precision: Precision = "fp16"
    share_activations: bool = True
    masks: bool = False

    def __post_init__(self) -> None:
        check_evaluation(None, "raw", None, self.batch_size)


def run(config: Config, context: Context) -> dict[str, float]:
    """Report the ``val/dice`` the inputs were chosen by, at step 1; replicates test them.

    With several inputs it is their mean. What replicates return and leave is that of
    :func:`trainables.segment.run`, but for a trained network.

    Raises:
        DatasetError, WeightsError: the data, an input or its weights are not here or damaged.
        ConfigError: an input is missing, or no channel answers for a class of the data.
    """
    from trainables.segmentation.transfer import report_and_test

    return report_and_test(config, context)
