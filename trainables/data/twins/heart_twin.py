"""Synthetic stand-in for CAMUS: hearts in ultrasound, three structures each, named by the prompt.

A picture shows a left ventricle, the muscle around it and a left atrium, in a view of two or four
chambers. It is there three times, once per structure, so only the text tells which one to outline.
Numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.data.card import Split
from trainables.data.twin import SIZE_PX
from trainables.data.twins.generated import GeneratedSource
from trainables.data.twins.heart_prompts import prompts_of_truth


@dataclass(frozen=True, kw_only=True, slots=True)
class HeartTwinParameters:
    """Everything the pixels depend on.

    Args:
        hearts: pictures per split, each of three cases.
    """

    hearts: Mapping[Split, int] = field(
        default_factory=lambda: {"train": 100, "val": 25, "test": 30}
    )
    size_px: int = SIZE_PX


PARAMETERS: Mapping[str, HeartTwinParameters] = {"camus_twin": HeartTwinParameters()}

SOURCE = GeneratedSource(
    family="heart_twin",
    version=1,
    parameters=PARAMETERS,
    module="twins.heart_twin_pixels",
    prompts=prompts_of_truth,
    picture="heart",
)
