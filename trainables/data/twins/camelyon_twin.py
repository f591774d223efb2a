"""Synthetic stained lymph node tissue with the two classes of PatchCamelyon.

As there, the label says whether the middle third of the patch shows tumour; tumour at the rim only
does not count. A caricature of histology: numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from trainables.data.twin import TwinParameters
from trainables.data.twins.generated import GeneratedSource

CENTRE = 1 / 3
"""Half side of the middle that decides the label, as a share of half the picture."""

SOURCE = GeneratedSource(
    family="camelyon_twin",
    version=1,
    # PatchCamelyon is balanced.
    parameters={"camelyon_twin": TwinParameters(shares=(0.5, 0.5))},
    module="twins.camelyon_twin_pixels",
)
