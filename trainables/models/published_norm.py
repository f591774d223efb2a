"""Mean and sd that weights were trained with, where a file beside them says so. No torch here.

Cards of models that others tuned state what their first weights had. What the tuning used is in
``open_clip_config.json``, which is published with the weights and read here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.data.transforms import EvalTransform
from trainables.errors import WeightsError
from trainables.models.card import RANDOM, SETTINGS, TWIN, BackboneCard
from trainables.models.cards import get_backbone_card
from trainables.models.weights import require_weights

Norm = tuple[tuple[float, float, float], tuple[float, float, float]]


def published_norm(ref: BackboneRef, locations: Locations) -> Norm:
    """Return mean and sd of a backbone's pictures: of the file beside its weights, or its card's.

    Raises:
        WeightsError: the weights or the file are absent, or the file is damaged or of another
            network than the card's.
    """
    card = get_backbone_card(ref.card)
    if SETTINGS not in card.companions or ref.weights in (RANDOM, TWIN):
        return card.mean, card.std
    weights = require_weights(ref, locations).path
    assert weights is not None  # they are published, and here
    return _read(weights.parent / SETTINGS, card)


def as_published(transform: EvalTransform, ref: BackboneRef, locations: Locations) -> EvalTransform:
    """Return a transform by the card with the mean and sd of :func:`published_norm`."""
    mean, std = published_norm(ref, locations)
    fed = len(transform.mean)
    return replace(transform, mean=mean[:fed], std=std[:fed])


def _read(path: Path, card: BackboneCard) -> Norm:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        pictures, network = settings["preprocess_cfg"], settings["model_cfg"]
        norm = _three(pictures["mean"]), _three(pictures["std"])
        quick = bool(network.get("quick_gelu", False))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} states no mean and sd: {error!r}") from None
    if min(norm[1]) <= 0:
        raise WeightsError(f"{path}: sd must be > 0, got {norm[1]}")
    if quick != card.architecture.endswith("quickgelu"):
        raise WeightsError(
            f"{path} says quick_gelu={quick}, and '{card.name}' builds {card.architecture}: the "
            "weights are of another network than this card's"
        )
    return norm


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue
