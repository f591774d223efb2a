"""Linear probe: logistic regression on the frozen features of a backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.engine.inputs import Channels, check_channels
from trainables.errors import ConfigError
from trainables.shift import check_shift


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Multinomial logistic regression on standardised features.

    Args:
        shift_domains: domains the probe is also tested on, at the end, as ``test_shift/``.
        image_size_px: side of the square input; the backbone card's own when None.
        channels: 'rgb' feeds grey pictures three times over; 'native' feeds as many channels as the
            data set has, through a stem that is cut to them (see docs/models.md).
        inverse_l2: weight of the data against the L2 penalty (C in scikit-learn); search it
            log-uniformly.
        max_iter: most solver iterations; ``perf/converged`` is 0 when they did not suffice.
    """

    trainable: ClassVar[str] = "probe"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    shift_domains: tuple[str, ...] = ()
    image_size_px: int | None = None
    channels: Channels = "rgb"
    inverse_l2: float = 1e-2
    max_iter: int = 500

    def __post_init__(self) -> None:
        check_shift(self.data, self.shift_domains)
        check_channels(self.channels)
        if self.image_size_px is not None and self.image_size_px < 1:
            raise ConfigError(f"image_size_px must be >= 1, got {self.image_size_px}")
        if not self.inverse_l2 > 0:
            raise ConfigError(f"inverse_l2 must be > 0, got {self.inverse_l2}")
        if self.max_iter < 1:
            raise ConfigError(f"max_iter must be >= 1, got {self.max_iter}")


def run(config: Config, context: Context) -> dict[str, float]:
    """Fit, report at step 1; replicates return test metrics.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
    """
    from trainables.analyses.linear_probe import probe_and_test

    return probe_and_test(config, context)
