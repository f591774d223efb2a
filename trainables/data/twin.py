"""What the pixels of a generated stand-in depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.data.card import Split

SIZE_PX = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinParameters:
    """Size of a twin, and how often each class or finding occurs.

    Args:
        shares: of the classes of a multi-class twin (they add up to 1), or of the pictures that
            show each finding of a multi-label one.
        counts: pictures per split.
    """

    shares: tuple[float, ...]
    counts: Mapping[Split, int] = field(
        default_factory=lambda: {"train": 400, "val": 150, "test": 200}
    )
    size_px: int = SIZE_PX
