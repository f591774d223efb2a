"""Synthetic chest radiographs with the fourteen labels of CheXpert.

Every finding has a visible cause with an extent of its own, and findings occur together as heart
failure, infection and intensive care bring them. "No Finding" is given exactly when there is no
other. A caricature of radiology: numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from trainables.data.twin import TwinParameters
from trainables.data.twins.generated import GeneratedSource

# Of the findings after "No Finding". Near those of CheXpert, the rare ones (down to 1.6 %) raised
# so that each split has a few.
_SHARES = (0.08, 0.14, 0.40, 0.07, 0.22, 0.09, 0.07, 0.15, 0.09, 0.34, 0.06, 0.07, 0.42)

WIDE_HEART = 0.50
"""From this share of the chest's width the heart is enlarged."""
WIDE_MEDIASTINUM = 0.29
"""From this share of the chest's width the mediastinum is enlarged."""

SOURCE = GeneratedSource(
    family="chexpert_twin",
    version=1,
    parameters={
        "chexpert_twin": TwinParameters(
            shares=_SHARES, counts={"train": 600, "val": 150, "test": 200}
        )
    },
    module="twins.chexpert_twin_pixels",
)
