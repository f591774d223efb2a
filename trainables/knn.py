"""k nearest neighbours on the frozen features of a backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trainables.config import BackboneRef, DataRef
from trainables.context import Context
from trainables.engine.inputs import Channels, check_channels
from trainables.errors import ConfigError, check_at_least
from trainables.shift import check_shift


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Neighbours by cosine similarity.

    Args:
        shift_domains: domains also tested on, at the end, as ``test_shift/``.
        image_size_px: side of the square input; the backbone card's own when None.
        channels: 'rgb' feeds grey pictures three times over; 'native' feeds as many channels as the
            data set has, through a stem that is cut to them (see docs/models.md).
        k: neighbours that vote.
        temperature: votes weigh exp(similarity / temperature), as in DINO; None: one vote each.
    """

    trainable: ClassVar[str] = "knn"
    version: ClassVar[int] = 1

    backbone: BackboneRef
    data: DataRef
    shift_domains: tuple[str, ...] = ()
    image_size_px: int | None = None
    channels: Channels = "rgb"
    k: int = 20
    temperature: float | None = 0.07

    def __post_init__(self) -> None:
        check_shift(self.data, self.shift_domains)
        check_channels(self.channels)
        check_at_least(1, image_size_px=self.image_size_px, k=self.k)
        if self.temperature is not None and not self.temperature > 0:
            raise ConfigError(f"temperature must be > 0, got {self.temperature}")


def run(config: Config, context: Context) -> dict[str, float]:
    """Score the validation pictures, report at step 1; replicates return test metrics.

    Raises:
        DatasetError, WeightsError: something the config names is not here or damaged.
        ConfigError: a multilabel task, or fewer training pictures than neighbours.
    """
    from trainables.analyses.neighbours import score_and_test

    return score_and_test(config, context)


def rehearse(config: Config, context: Context, workers: int) -> None:
    """Look at made-up pictures through the frozen backbone; the rest is done beside the GPU.

    See :mod:`trainables.rehearsal`.
    """
    from trainables.analyses.features_rehearsal import rehearse_tower

    del workers
    rehearse_tower(config, context)
