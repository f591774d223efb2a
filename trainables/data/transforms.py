"""From uint8 pictures to what a backbone eats. Their canonical form is part of store keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from trainables.errors import ConfigError

if TYPE_CHECKING:
    import torch

Interpolation = Literal["bilinear", "bicubic"]
Transform = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalTransform:
    """Resize and normalise, the same way every time; works on one picture and on batches.

    Args:
        resize: 'squash' ignores the aspect ratio; 'center_crop' scales the short side to
            ``size_px / crop_fraction`` and cuts the middle.
    """

    size_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation = "bilinear"
    resize: Literal["squash", "center_crop"] = "squash"
    crop_fraction: float = 1.0

    def __post_init__(self) -> None:
        _check(self.size_px, self.std)
        if not 0 < self.crop_fraction <= 1:
            raise ConfigError(f"crop_fraction must be in (0, 1], got {self.crop_fraction}")
        if self.resize == "squash" and self.crop_fraction != 1:
            raise ConfigError("crop_fraction needs resize='center_crop'")

    def build(self) -> Transform:
        """Return the function uint8 (..., 3, h, w) -> float32 (..., 3, size_px, size_px)."""
        from torchvision.transforms import v2

        size = [self.size_px, self.size_px]
        if self.resize == "squash":
            steps = [v2.Resize(size, _mode(self.interpolation), antialias=True)]
        else:
            short_side = [round(self.size_px / self.crop_fraction)]
            steps = [
                v2.Resize(short_side, _mode(self.interpolation), antialias=True),
                v2.CenterCrop(size),
            ]
        return _compose(steps, self.mean, self.std)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainTransform:
    """Augment, resize and normalise one picture. Draws from torch's global generator only.

    Args:
        crop_scale: least and greatest share of the area a random crop keeps; None: no crop.
        horizontal_flip, vertical_flip: probabilities.
        brightness, contrast, saturation, hue: greatest relative change of each.
    """

    size_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation = "bilinear"
    crop_scale: tuple[float, float] | None = None
    horizontal_flip: float = 0.0
    vertical_flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        _check(self.size_px, self.std)
        for name in ("horizontal_flip", "vertical_flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        for name, most in (("brightness", 1), ("contrast", 1), ("saturation", 1), ("hue", 0.5)):
            if not 0 <= getattr(self, name) <= most:
                raise ConfigError(f"{name} must be in [0, {most}], got {getattr(self, name)}")
        if self.crop_scale and not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise ConfigError(f"crop_scale must rise within (0, 1], got {self.crop_scale}")

    def build(self) -> Transform:
        """Return the function uint8 (..., 3, h, w) -> float32 (..., 3, size_px, size_px)."""
        from torchvision.transforms import v2

        size, mode = [self.size_px, self.size_px], _mode(self.interpolation)
        if self.crop_scale:
            steps = [v2.RandomResizedCrop(size, self.crop_scale, interpolation=mode)]
        else:
            steps = [v2.Resize(size, mode, antialias=True)]
        if self.horizontal_flip:
            steps.append(v2.RandomHorizontalFlip(self.horizontal_flip))
        if self.vertical_flip:
            steps.append(v2.RandomVerticalFlip(self.vertical_flip))
        jitter = (self.brightness, self.contrast, self.saturation, self.hue)
        if any(jitter):
            steps.append(v2.ColorJitter(*jitter))
        return _compose(steps, self.mean, self.std)


def _check(size_px: int, std: tuple[float, ...]) -> None:
    if size_px < 1:
        raise ConfigError(f"size_px must be >= 1, got {size_px}")
    if min(std) <= 0:
        raise ConfigError(f"std must be > 0, got {std}")


def _mode(interpolation: Interpolation) -> Any:
    from torchvision.transforms import InterpolationMode

    return InterpolationMode(interpolation)


def _compose(steps: list[Any], mean: tuple[float, ...], std: tuple[float, ...]) -> Transform:
    import torch
    from torchvision.transforms import v2

    to_float = v2.ToDtype(torch.float32, scale=True)
    pipeline: Transform = v2.Compose([*steps, to_float, v2.Normalize(mean, std)])
    return pipeline
