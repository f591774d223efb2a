"""Which pixels a backbone gets to see: size and normalisation. No torch here."""

from __future__ import annotations

from typing import Literal

from trainables.config import BackboneRef, DataRef
from trainables.data.cards import get_data_card
from trainables.data.transforms import EvalTransform
from trainables.errors import ConfigError
from trainables.models.cards import get_backbone_card

Normalisation = Literal["backbone", "dataset"]


def eval_transform(
    backbone: BackboneRef,
    data: DataRef,
    image_size_px: int | None,
    normalisation: Normalisation = "backbone",
) -> EvalTransform:
    """Return the deterministic transform of a backbone on a data set.

    Args:
        image_size_px: side of the square input; the backbone card's own when None.

    Raises:
        ConfigError: the data card has no statistics to normalise by.
    """
    card = get_backbone_card(backbone.card)
    mean: tuple[float, ...] | None = card.mean
    std: tuple[float, ...] | None = card.std
    if normalisation == "dataset":
        statistics = get_data_card(data.name)
        mean, std = statistics.mean, statistics.std
    if mean is None or std is None:
        raise ConfigError(
            f"normalisation=dataset: the card of '{data.name}' states no mean and sd; "
            "use normalisation=backbone"
        )
    return EvalTransform(
        size_px=card.image_size_px if image_size_px is None else image_size_px,
        mean=mean,
        std=std,
        interpolation=card.interpolation,
    )
