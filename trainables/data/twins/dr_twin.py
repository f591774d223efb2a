"""Synthetic stand-in for the four retinopathy sets: a camera each, and their shares of the grades.

The cameras and lesions are those of :mod:`trainables.data.twins.fundus`; all pictures are for
training, since domain generalisation draws its own parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainables.data.twins.fundus import CAMERAS, SIZE_PX, Camera
from trainables.data.twins.generated import GeneratedSource


@dataclass(frozen=True, kw_only=True, slots=True)
class DrTwinParameters:
    """Everything the pixels depend on.

    Args:
        cameras: per domain.
        pictures: per domain, the pictures of every grade.
    """

    cameras: Mapping[str, Camera]
    pictures: Mapping[str, tuple[int, ...]]
    size_px: int = SIZE_PX


# The shares of the real domains, rare grades raised to six pictures.
PICTURES: Mapping[str, tuple[int, ...]] = {
    "aptos": (118, 24, 66, 13, 19),
    "eyepacs": (295, 28, 59, 9, 9),
    "messidor": (73, 20, 33, 34, 0),
    "messidor_2": (115, 31, 40, 8, 6),
}

SOURCE = GeneratedSource(
    family="dr_twin",
    version=1,
    parameters={
        "dr_twin": DrTwinParameters(
            cameras=dict(zip(PICTURES, CAMERAS.values(), strict=True)), pictures=PICTURES
        )
    },
    module="twins.dr_twin_pixels",
)
