"""Synthetic mammograms, normal or abnormal, as DDSM is labelled here.

A breast is abnormal when it shows a mass or a cluster of calcifications; dense tissue hides either.
A caricature of mammography: numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from trainables.data.twin import TwinParameters
from trainables.data.twins.generated import GeneratedSource

SOURCE = GeneratedSource(
    family="ddsm_twin",
    version=1,
    # 26.6 % of the pictures in the public lists of DDSM are normal.
    parameters={"ddsm_twin": TwinParameters(shares=(0.266, 0.734))},
    module="twins.ddsm_twin_pixels",
)
