"""Synthetic fundus photographs with five grades of retinopathy, seen by four cameras.

The grade is decided by lesions that are drawn and counted; cameras differ in colour, contrast,
vignetting, blur, noise and field of view. The rules follow the order of the clinical scale and are
a caricature of it: numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.data.card import Split
from trainables.data.twins.generated import GeneratedSource

SIZE_PX = 96
SEVERE_HAEMORRHAGES = 6
"""From this many haemorrhages on a picture without new vessels is grade 3, below it grade 2."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """How a camera renders an eye.

    Args:
        gain: of red, green and blue.
        vignette: share of light lost at the rim.
        blur_px: standard deviation of the optics.
        noise: standard deviation of the sensor, in [0, 1] units.
        vessel, lesion: contrast of vessels and of lesions.
        cut: half height of the field in radii; 1 shows the full circle.
    """

    gain: tuple[float, float, float]
    gamma: float
    vignette: float
    blur_px: float
    noise: float
    vessel: float
    lesion: float
    cut: float = 1.0


CAMERAS: Mapping[str, Camera] = {
    "camera_0": Camera(
        gain=(1.0, 0.55, 0.25), gamma=1.0, vignette=0.25, blur_px=0.0, noise=0.015,
        vessel=0.22, lesion=1.0,
    ),
    "camera_1": Camera(
        gain=(0.88, 0.58, 0.34), gamma=1.1, vignette=0.45, blur_px=0.3, noise=0.017,
        vessel=0.16, lesion=0.85, cut=0.9,
    ),
    "camera_2": Camera(
        gain=(1.10, 0.42, 0.12), gamma=0.8, vignette=0.10, blur_px=0.3, noise=0.020,
        vessel=0.28, lesion=0.90,
    ),
    "camera_3": Camera(
        gain=(0.70, 0.70, 0.55), gamma=1.0, vignette=0.60, blur_px=0.7, noise=0.030,
        vessel=0.12, lesion=0.70, cut=0.7,
    ),
}  # fmt: skip

CAMERA_PRIORS: Mapping[str, tuple[float, ...]] = {
    "camera_0": (0.35, 0.15, 0.25, 0.12, 0.13),
    "camera_1": (0.55, 0.08, 0.22, 0.08, 0.07),
    "camera_2": (0.25, 0.25, 0.25, 0.15, 0.10),
    "camera_3": (0.45, 0.20, 0.15, 0.10, 0.10),
}
"""Shares of the grades per camera, for studies of label shift on top of the cameras' own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FundusParameters:
    """Everything the pixels of a fundus set depend on.

    Args:
        counts: pictures per split in every domain.
        priors: shares of the grades per domain; balanced where a domain is not listed.
    """

    cameras: Mapping[str, Camera]
    counts: Mapping[Split, int] = field(
        default_factory=lambda: {"train": 400, "val": 150, "test": 300}
    )
    priors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    size_px: int = SIZE_PX


SOURCE = GeneratedSource(
    family="fundus",
    version=1,
    parameters={
        "fundus": FundusParameters(cameras=CAMERAS),
        "aptos2019_twin": FundusParameters(
            cameras={"aptos2019": CAMERAS["camera_0"]},
            # APTOS 2019 has 1805, 370, 999, 193 and 295 pictures of grades 0 to 4.
            priors={"aptos2019": (0.493, 0.101, 0.273, 0.053, 0.080)},
        ),
    },
    module="twins.fundus_pixels",
)
