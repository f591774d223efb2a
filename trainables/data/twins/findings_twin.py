"""Synthetic stand-in for CheXlocalize: chest radiographs with findings, each named by a prompt.

A picture shows one finding or several, and is there once for each, so only the text tells which one
to outline. Numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.data.card import Split
from trainables.data.twin import SIZE_PX
from trainables.data.twins.findings_prompts import prompts_of_truth
from trainables.data.twins.generated import GeneratedSource


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingsTwinParameters:
    """Everything the pixels depend on.

    Args:
        shares: of the pictures that show each finding, in the card's order.
        lateral: share of the pictures that are taken from the side.
        counts: cases per split.
    """

    # As in CheXlocalize, with the two rarest raised.
    shares: tuple[float, ...] = (0.60, 0.38, 0.34, 0.10, 0.16, 0.57, 0.08, 0.30, 0.08, 0.59)
    lateral: float = 0.11
    counts: Mapping[Split, int] = field(
        default_factory=lambda: {"train": 300, "val": 75, "test": 90}
    )
    size_px: int = SIZE_PX


PARAMETERS: Mapping[str, FindingsTwinParameters] = {"chexlocalize_twin": FindingsTwinParameters()}

SOURCE = GeneratedSource(
    family="findings_twin",
    version=1,
    parameters=PARAMETERS,
    module="twins.findings_twin_pixels",
    prompts=prompts_of_truth,
)
