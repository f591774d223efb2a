"""How the weights of a twin are made, and what identifies them. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trainables.data.cards import data_status
from trainables.models.card import BackboneCard

if TYPE_CHECKING:
    from trainables.context import Locations

SOURCE_DATA = "imagenet_twin"
"""The data set that twins are pretrained on."""

_VERSION = 2
"""Raised when the same card, data and recipe would give other weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinRecipe:
    """Supervised training with AdamW and a cosine schedule after a linear warm-up.

    Args:
        pictures: of the source data, balanced over its classes.
        epochs: passes over them.
        batch_size: pictures per step.
        lr: highest learning rate.
        warmup_steps: steps on the way to it.
    """

    pictures: int
    epochs: int
    batch_size: int
    lr: float
    warmup_steps: int = 10
    weight_decay: float = 0.05


RECIPE = TwinRecipe(pictures=3000, epochs=4, batch_size=25, lr=2e-3)


def recipe_of(card: BackboneCard) -> TwinRecipe:
    """Return the recipe of a twin."""
    if card.family == "inception":
        # Its last maps are one place wide, so batch norms there see one value per picture.
        return replace(RECIPE, batch_size=2 * RECIPE.batch_size)
    return RECIPE


def twin_key(card: BackboneCard, locations: Locations) -> dict[str, Any]:
    """Return everything the weights of a twin depend on, known before they are trained."""
    return {
        "card": [card.name, card.architecture, card.image_size_px, dict(card.overrides)],
        "normalisation": [card.mean, card.std, card.interpolation],
        "data": data_status(SOURCE_DATA, locations).digest,
        "recipe": recipe_of(card),
        "version": _VERSION,
    }
