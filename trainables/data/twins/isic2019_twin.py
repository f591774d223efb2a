"""Synthetic dermoscopy with the eight classes of ISIC 2019.

Each class has a visible cause, weaker in some pictures than in others; melanoma and naevus differ
by degree only. A caricature of the dermoscopic criteria: numbers from these pictures say nothing
about patients.
"""

from __future__ import annotations

from trainables.data.twin import TwinParameters
from trainables.data.twins.generated import GeneratedSource

# Of ISIC 2019, the rare classes (down to 0.9 %) raised so that each split has a few.
_SHARES = (0.17, 0.47, 0.12, 0.04, 0.10, 0.03, 0.03, 0.04)

MALIGNANT_SCORE = 5
"""From this sum of asymmetry, border, colours and twice the veil a pigmented lesion is a melanoma,
below it a naevus."""

SOURCE = GeneratedSource(
    family="isic2019_twin",
    version=1,
    parameters={"isic2019_twin": TwinParameters(shares=_SHARES)},
    module="twins.isic2019_twin_pixels",
)
