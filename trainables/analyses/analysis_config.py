"""What the configs of analyses of a trained model have in common. No torch here."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from trainables.config import DataRef
from trainables.errors import ConfigError, check_at_least

LEAST_PICTURES = 4
"""That CKA is defined for: with three every centred Gram matrix vanishes."""

Aggregate = Literal["mean", "hsic"]
"""What is made of batches: the mean of their CKA, or the CKA of HSIC summed over them."""

_VALIDATION = "val/"


class AnalysisConfig(Protocol):
    """The fields of every config.

    Args:
        data: what the model was trained on.
        batch_size: pictures that are looked at together.
        selection_metric: the validation metric that training chose the model by; analyses report
            the same metric of the test pictures.
    """

    trainable: ClassVar[str]

    @property
    def data(self) -> DataRef: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def selection_metric(self) -> str: ...


def check_analysis(config: AnalysisConfig) -> None:
    """Make sure that the common fields make sense.

    Raises:
        ConfigError: they do not.
    """
    check_at_least(1, batch_size=config.batch_size)
    if not config.selection_metric.startswith(_VALIDATION):
        raise ConfigError(
            f"selection_metric must be a '{_VALIDATION}' metric, got '{config.selection_metric}'"
        )


def check_pictures(batch_size: int) -> None:
    """Make sure that CKA is defined for a batch.

    Raises:
        ConfigError: it is not.
    """
    if batch_size < LEAST_PICTURES:
        raise ConfigError(
            f"batch_size must be >= {LEAST_PICTURES}, the fewest pictures that CKA is defined "
            f"for, got {batch_size}"
        )


def check_vote(k: int, temperature: float) -> None:
    """Make sure that neighbours can vote.

    Raises:
        ConfigError: they cannot.
    """
    check_at_least(1, k=k)
    if not temperature > 0:
        raise ConfigError(f"temperature must be > 0, got {temperature}")


def metric_name(config: AnalysisConfig) -> str:
    """Return the selection metric's name without the split: 'accuracy' of 'val/accuracy'."""
    return config.selection_metric.removeprefix(_VALIDATION)
