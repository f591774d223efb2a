"""How pictures are prepared for a network, as plain data. No torch here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class InputTransform:
    """Squash a picture to a square, whatever its shape, and normalise it.

    Its canonical form is part of keys of the store.
    """

    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
