"""Which pixels a backbone gets to see: size and normalisation. No torch here."""

from __future__ import annotations

from typing import Literal, get_args

from trainables.config import BackboneRef, DataRef
from trainables.data.cards import get_data_card
from trainables.data.copies import split_name
from trainables.data.transforms import EvalTransform, Resize
from trainables.errors import ConfigError
from trainables.models.cards import get_backbone_card

Normalisation = Literal["backbone", "dataset"]
Channels = Literal["rgb", "native"]


def check_channels(channels: str) -> None:
    """Make sure that a config's ``channels`` is one of the two ways.

    Raises:
        ConfigError: it is not.
    """
    if channels not in ("rgb", "native"):
        raise ConfigError(f"channels must be rgb or native, got '{channels}'")


def check_resize(resize: str) -> None:
    """Make sure that a config's ``resize`` is one of the ways.

    Raises:
        ConfigError: it is not.
    """
    if resize not in get_args(Resize):
        raise ConfigError(f"resize must be one of {get_args(Resize)}, got '{resize}'")


def eval_transform(
    backbone: BackboneRef,
    data: DataRef,
    image_size_px: int | None,
    normalisation: Normalisation = "backbone",
    channels: Channels = "rgb",
    resize: Resize = "squash",
) -> EvalTransform:
    """Return the deterministic transform of a backbone on a data set.

    Args:
        image_size_px: side of the square input; the backbone card's own when None.
        channels: 'rgb' feeds grey pictures three times over, 'native' as they are.
        resize: see :class:`trainables.data.transforms.EvalTransform`.

    Raises:
        ConfigError: the data card has no statistics to normalise by, or the data are copies smaller
            than the input.
    """
    card = get_backbone_card(backbone.card)
    mean: tuple[float, ...] | None = card.mean
    std: tuple[float, ...] | None = card.std
    pictures = get_data_card(data.name)
    if normalisation == "dataset":
        mean, std = pictures.mean, pictures.std
    if mean is None or std is None:
        raise ConfigError(
            f"normalisation=dataset: the card of '{data.name}' states no mean and sd; "
            "use normalisation=backbone"
        )
    size_px = card.image_size_px if image_size_px is None else image_size_px
    base, copies_px = split_name(data.name)
    if copies_px is not None and copies_px < size_px:
        raise ConfigError(
            f"the pictures of '{data.name}' are too small for an input of {size_px} px: use "
            f"'{base}', or larger copies"
        )
    fed = pictures.channels if channels == "native" else len(mean)
    return EvalTransform(
        size_px=size_px,
        mean=mean[:fed],
        std=std[:fed],
        interpolation=card.interpolation,
        resize=resize,
        grey=card.grey,
    )
