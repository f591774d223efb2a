"""Synthetic stand-ins for photographs and ultrasound with polyps, lesions, ulcers or tumours.

Most pictures show two groups of structures that differ in tone, and the prompt names one of them;
some prompts name what the picture does not show. So the text is needed: without it, nothing tells
which group to outline. Cameras of the six endoscopy sets differ in colour, sharpness and noise.
Numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from trainables.data.card import Split
from trainables.data.twin import SIZE_PX
from trainables.data.twins.generated import GeneratedSource
from trainables.data.twins.referring_prompts import prompts_of_truth

Scene = Literal["bowel", "skin", "foot", "breast"]

_COUNTS: Mapping[Split, int] = {"train": 300, "val": 75, "test": 90}
_ONLY_TEST: Mapping[Split, int] = {"train": 0, "val": 0, "test": 90}


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a camera renders a scene.

    Args:
        gain: of red, green and blue.
        blur_px: standard deviation of the optics; noise: of the sensor, in [0, 1] units.
        vignette: share of light lost in the corners.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur_px: float = 0.4
    noise: float = 0.015
    vignette: float = 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferringTwinParameters:
    """Everything the pixels depend on.

    Args:
        shares: of the classes, in the card's order; they add up to 1.
        other: share of the pictures with a second group, of another tone.
        absent: share of the prompts that name what is not shown.
    """

    scene: Scene
    shares: tuple[float, ...] = (1.0,)
    look: Look = Look()
    other: float = 0.75
    absent: float = 0.15
    counts: Mapping[Split, int] = field(default_factory=lambda: dict(_COUNTS))
    size_px: int = SIZE_PX


def _bowel(look: Look, counts: Mapping[Split, int] = _COUNTS) -> ReferringTwinParameters:
    return ReferringTwinParameters(scene="bowel", look=look, counts=dict(counts))


PARAMETERS: Mapping[str, ReferringTwinParameters] = {
    "kvasir_polyp_twin": _bowel(Look()),
    "clinicdb_polyp_twin": _bowel(Look(gain=(0.95, 0.92, 0.92), noise=0.020, vignette=0.30)),
    "bkai_polyp_twin": _bowel(Look(gain=(0.95, 1.02, 1.10), blur_px=0.3)),
    "cvc300_polyp_twin": _bowel(Look(gain=(1.02, 0.90, 0.80), vignette=0.25), _ONLY_TEST),
    "colondb_polyp_twin": _bowel(
        Look(gain=(0.80, 0.78, 0.74), blur_px=0.8, noise=0.025, vignette=0.35), _ONLY_TEST
    ),
    "etis_polyp_twin": _bowel(
        Look(gain=(0.85, 1.00, 1.20), blur_px=0.6, noise=0.030, vignette=0.10), _ONLY_TEST
    ),
    "isic2016_twin": ReferringTwinParameters(scene="skin", other=0.6, absent=0.1),
    "dfu_twin": ReferringTwinParameters(scene="foot", other=0.6, absent=0.1),
    # Absent here are the normal pictures: as many as the real set has.
    "busi_twin": ReferringTwinParameters(
        scene="breast", shares=(0.56, 0.27, 0.17), other=0.5, absent=0.0
    ),
    "busi_tumours_twin": ReferringTwinParameters(
        scene="breast", shares=(0.67, 0.33), other=0.5, absent=0.0
    ),
}

SOURCE = GeneratedSource(
    family="referring_twin",
    version=1,
    parameters=PARAMETERS,
    module="twins.referring_twin_pixels",
    prompts=prompts_of_truth,
)
