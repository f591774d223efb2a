"""Random changes of training pictures. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainables.data.distortions import (
    Affine,
    Blur,
    Erasing,
    Perspective,
    Rotation,
    Solarise,
)
from trainables.errors import ConfigError, check_at_least, did_you_mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """What is done to a training picture, in this order; nothing by default.

    Args:
        middle_first: cut the middle, of the input's side, before any random crop.
        crop_padding_px: cut a square of the input's side at a random place, after black borders of
            this width were added; None: no such cut.
        crop_scale: least and greatest share of the area that a random crop keeps, at an aspect
            ratio of 3/4 to 4/3, resized to the input; None: no crop. Crops larger than the picture
            are drawn anew, up to ten times, before the middle of the picture is taken.
        vertical_flip, horizontal_flip: probabilities.
        brightness, contrast, saturation, hue: greatest relative change of each.
        jitter: probability that these four are changed.
        greyscale: probability that the colours go.

    The rotation comes between the flips and the changes of colour.
    """

    middle_first: bool = False
    crop_padding_px: int | None = None
    crop_scale: tuple[float, float] | None = None
    vertical_flip: float = 0.0
    horizontal_flip: float = 0.0
    rotation: Rotation = field(default_factory=Rotation)
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    jitter: float = 1.0
    greyscale: float = 0.0
    blur: Blur = field(default_factory=Blur)
    affine: Affine = field(default_factory=Affine)
    perspective: Perspective = field(default_factory=Perspective)
    solarise: Solarise = field(default_factory=Solarise)
    erasing: Erasing = field(default_factory=Erasing)

    def __post_init__(self) -> None:
        bounds = {"vertical_flip": 1.0, "horizontal_flip": 1.0, "jitter": 1.0, "greyscale": 1.0}
        bounds |= {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5}
        for name, most in bounds.items():
            if not 0 <= getattr(self, name) <= most:
                raise ConfigError(
                    f"augment.{name} must be in [0, {most}], got {getattr(self, name)}"
                )
        if self.crop_scale and not 0 < self.crop_scale[0] <= self.crop_scale[1]:
            raise ConfigError(f"augment.crop_scale must rise from above 0, got {self.crop_scale}")
        check_at_least(0, "augment.", crop_padding_px=self.crop_padding_px)

    @classmethod
    def preset(cls, name: str) -> Augmentation:
        """Return 'none', 'light', or what the code of a paper ships.

        'feature_reuse' is that of Matsoukas et al. (CVPR 2022), 'foundation_medical' that of Palés
        Huix et al. (WACV 2024). Their pictures are resized to 256 x 256 first, which is
        ``crop_fraction=0.875`` of the config.

        Raises:
            ConfigError: there is no such preset.
        """
        if name not in _PRESETS:
            raise ConfigError(f"no augmentation '{name}'.{did_you_mean(name, _PRESETS)}")
        return _PRESETS[name]


_PRESETS = {
    "none": Augmentation(),
    "light": Augmentation(
        crop_scale=(0.5, 1.0), horizontal_flip=0.5, brightness=0.1, contrast=0.1, saturation=0.1
    ),
    "feature_reuse": Augmentation(
        crop_scale=(0.8, 1.2),
        vertical_flip=0.5,
        horizontal_flip=0.5,
        brightness=0.2,
        contrast=0.2,
        saturation=0.1,
        hue=0.1,
        jitter=0.2,
        greyscale=0.2,
    ),
    "foundation_medical": Augmentation(
        middle_first=True,
        crop_scale=(0.8, 1.2),
        vertical_flip=0.5,
        horizontal_flip=0.5,
        brightness=0.2,
        contrast=0.2,
        saturation=0.1,
        hue=0.1,
        jitter=0.8,
    ),
}
