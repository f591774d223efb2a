"""How the weights of a segmenter's twin are made, and what identifies them. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from trainables.models.segmenter_card import SegmenterCard

_VERSION = 2
"""Raised when the same card and curriculum would give other weights, as with other pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """Training with AdamW: a warm-up of ten steps, then a cosine.

    Args:
        lr: highest learning rate.
        batch_size: pictures or texts per step.
    """

    steps: int
    lr: float
    batch_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Curriculum:
    """What a twin learns one after the other.

    Args:
        pictures: generated for it.
        words: to tell what a text names.
        places: to tell what a place of a picture shows.
        matching: to tell where a picture shows what a text names.
        masks: to cut it out.
    """

    pictures: int = 1000
    words: Lesson = Lesson(steps=150, lr=3e-3, batch_size=50)
    places: Lesson = Lesson(steps=120, lr=2e-3, batch_size=25)
    matching: Lesson = Lesson(steps=400, lr=1e-2, batch_size=50)
    masks: Lesson = Lesson(steps=600, lr=2e-3, batch_size=25)


CURRICULUM = Curriculum()


def curriculum_of(card: SegmenterCard) -> Curriculum:
    """Return what a twin learns; steps of a decoder alone are short, so it takes more of them."""
    if card.frozen_encoders:
        return CURRICULUM
    masks = CURRICULUM.masks
    return replace(CURRICULUM, masks=replace(masks, steps=masks.steps // 3))


def segmenter_twin_key(card: SegmenterCard) -> dict[str, Any]:
    """Return everything the weights of a twin depend on, known before they are trained."""
    return {
        "card": [card.name, card.module, card.image_size_px, card.context_length, card.sizes],
        "normalisation": [card.mean, card.std],
        "curriculum": curriculum_of(card),
        "version": _VERSION,
    }
