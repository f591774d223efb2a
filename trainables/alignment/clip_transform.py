"""What CLIP makes of a picture before its image tower."""

from __future__ import annotations

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.data.transforms import EvalTransform
from trainables.models.cards import get_backbone_card
from trainables.models.published_norm import published_norm


def clip_transform(
    ref: BackboneRef, locations: Locations, image_size_px: int | None = None
) -> EvalTransform:
    """Return OpenCLIP's transform of evaluation: the short side resized, the middle taken.

    Args:
        image_size_px: side of the square input; the backbone card's own when None.

    Raises:
        WeightsError: a file beside the weights that states mean and sd is absent or damaged.
    """
    card = get_backbone_card(ref.card)
    mean, std = published_norm(ref, locations)
    return EvalTransform(
        size_px=image_size_px or card.image_size_px,
        mean=mean,
        std=std,
        interpolation=card.interpolation,
        resize="center_crop",
    )
