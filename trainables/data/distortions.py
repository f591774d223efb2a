"""Random changes of training pictures that few papers use, each off by default. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from trainables.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Rotation:
    """Turn by an angle drawn evenly from both sides of 0; corners that come free are black.

    Args:
        p: probability.
        degrees: greatest angle.
    """

    p: float = 0.0
    degrees: float = 5.0

    def __post_init__(self) -> None:
        _check_probability("rotation", self.p)
        _check_within("rotation.degrees", self.degrees, 0, 180)


@dataclass(frozen=True, kw_only=True, slots=True)
class Blur:
    """Blur with a Gaussian.

    Args:
        p: probability.
        radius_px: least and greatest standard deviation, drawn evenly.
    """

    p: float = 0.0
    radius_px: tuple[float, float] = (0.1, 2.0)

    def __post_init__(self) -> None:
        _check_probability("blur", self.p)
        _check_rising("blur.radius_px", self.radius_px)


@dataclass(frozen=True, kw_only=True, slots=True)
class Affine:
    """Turn, shift, scale and shear at once; what comes free is black.

    Args:
        p: probability.
        degrees: greatest angle, to both sides.
        translate: greatest shift, as a share of the width and of the height.
        scale: least and greatest factor.
        shear_degrees: greatest shear along x, to both sides.
    """

    p: float = 0.0
    degrees: float = 5.0
    translate: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    shear_degrees: float = 0.0

    def __post_init__(self) -> None:
        _check_probability("affine", self.p)
        _check_within("affine.degrees", self.degrees, 0, 180)
        for share in self.translate:
            _check_within("affine.translate", share, 0, 1)
        _check_rising("affine.scale", self.scale)
        _check_within("affine.shear_degrees", self.shear_degrees, 0, 89)


@dataclass(frozen=True, kw_only=True, slots=True)
class Perspective:
    """Look at the picture from another side.

    Args:
        p: probability.
        distortion: greatest move of a corner, as a share of half a side.
    """

    p: float = 0.0
    distortion: float = 0.5

    def __post_init__(self) -> None:
        _check_probability("perspective", self.p)
        _check_within("perspective.distortion", self.distortion, 0, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Solarise:
    """Invert the bright pixels.

    Args:
        p: probability.
        threshold: grey level, of 0 to 255, from which a value is inverted.
    """

    p: float = 0.0
    threshold: float = 128.0

    def __post_init__(self) -> None:
        _check_probability("solarise", self.p)
        _check_within("solarise.threshold", self.threshold, 0, 255)


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasing:
    """Blank a rectangle of the normalised picture.

    Args:
        p: probability.
        area: least and greatest share of the picture.
        aspect: least and greatest ratio of height and width.
        value: what it is filled with, after normalisation; 0 is the mean.
    """

    p: float = 0.0
    area: tuple[float, float] = (0.02, 0.33)
    aspect: tuple[float, float] = (0.3, 3.3)
    value: float = 0.0

    def __post_init__(self) -> None:
        _check_probability("erasing", self.p)
        _check_rising("erasing.area", self.area)
        _check_within("erasing.area", self.area[1], 0, 1)
        _check_rising("erasing.aspect", self.aspect)


def _check_probability(name: str, p: float) -> None:
    _check_within(f"{name}.p", p, 0, 1)


def _check_within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigError(f"augment.{name} must be in [{least:g}, {most:g}], got {value:g}")


def _check_rising(name: str, pair: tuple[float, float]) -> None:
    if not 0 < pair[0] <= pair[1]:
        raise ConfigError(f"augment.{name} must rise from above 0, got {pair}")
