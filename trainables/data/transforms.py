"""From uint8 pictures to what a backbone eats. Their canonical form is part of store keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from trainables.data.augmentation import Augmentation
from trainables.errors import ConfigError, check_at_least

if TYPE_CHECKING:
    import torch

Interpolation = Literal["bilinear", "bicubic", "lanczos"]
Grey = Literal["no", "first", "last"]
Resize = Literal["squash", "center_crop", "pad"]
Transform = Callable[["torch.Tensor"], "torch.Tensor"]

_CHANNELS = 3  # of every picture of an image set; those of grey pictures are equal


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalTransform:
    """Resize and normalise, the same way every time; works on one picture and on batches.

    Args:
        mean, std: one number per channel that is handed out; one alone makes pictures grey.
        resize: 'squash' ignores the aspect ratio and makes both sides ``size_px /
            crop_fraction``; 'center_crop' makes the short side so long; 'pad' puts black around the
            picture until it is square, and no smaller than ``size_px``, then squashes it.
        crop_fraction: share of the sides that is kept, from the middle.
        grey: make all channels equal, 'first' before resizing or 'last', after it.
    """

    size_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation = "bilinear"
    resize: Resize = "squash"
    crop_fraction: float = 1.0
    grey: Grey = "no"

    def __post_init__(self) -> None:
        _check(self.size_px, self.std, self.crop_fraction)

    def build(self) -> Transform:
        """Return the function uint8 (..., 3, h, w) -> float32 (..., 3, size_px, size_px)."""
        from torchvision.transforms import v2

        side = round(self.size_px / self.crop_fraction)
        resized, mode = _resized(self.resize, side), _mode(self.interpolation)
        steps: list[Any] = [v2.Resize(resized, mode, antialias=True)]
        if self.grey != "no" or self.interpolation == "lanczos":
            # Tensors can do neither Lanczos nor the rounding of grey levels of Pillow.
            steps = [partial(_with_pillow, size=resized, mode=mode, grey=self.grey)]
        steps = [*_padding(self.resize, self.size_px), *steps]
        if self.resize == "center_crop" or side != self.size_px:
            steps.append(v2.CenterCrop([self.size_px, self.size_px]))
        return _compose(steps, self.mean, self.std)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainTransform:
    """Augment, resize and normalise one picture. Draws from torch's global generator only.

    Args:
        resize: as of :class:`EvalTransform`.
        crop_fraction: the picture is resized to ``size_px / crop_fraction`` first; a random crop,
            or without one the middle, is cut from that.
    """

    size_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation = "bilinear"
    resize: Resize = "squash"
    crop_fraction: float = 1.0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        _check(self.size_px, self.std, self.crop_fraction)
        if self.interpolation == "lanczos":
            raise ConfigError("random changes of pictures resize by bilinear or bicubic only")

    def build(self) -> Transform:
        """Return the function uint8 (..., 3, h, w) -> float32 (..., 3, size_px, size_px)."""
        from trainables.data.distortion_steps import distortion_steps, erasing_steps

        steps = [*self._geometry(), *_changes(self.augmentation)]
        steps += distortion_steps(self.augmentation, self.size_px)
        erasing = erasing_steps(self.augmentation.erasing)
        return _compose(steps, self.mean, self.std, erasing)

    def _geometry(self) -> list[Any]:
        from torchvision.transforms import v2

        size, mode = [self.size_px, self.size_px], _mode(self.interpolation)
        side = round(self.size_px / self.crop_fraction)
        a = self.augmentation
        padding = _padding(self.resize, self.size_px)
        cuts: list[Any] = [v2.CenterCrop(size)] if a.middle_first else []
        if a.crop_padding_px is not None:
            cuts.append(v2.RandomCrop(size, padding=a.crop_padding_px or None))
        if a.crop_scale:
            cuts.append(v2.RandomResizedCrop(size, a.crop_scale, interpolation=mode))
        if a.crop_scale and len(cuts) == 1 and side == self.size_px:
            # The crop resizes from the original pixels.
            return [*padding, *cuts]
        if not cuts and (self.resize == "center_crop" or side != self.size_px):
            cuts.append(v2.CenterCrop(size))
        return [*padding, v2.Resize(_resized(self.resize, side), mode, antialias=True), *cuts]


def _changes(augmentation: Augmentation) -> list[Any]:
    from torchvision.transforms import v2

    from trainables.data.distortion_steps import rotation_steps

    a = augmentation
    steps: list[Any] = []
    if a.vertical_flip:
        steps.append(v2.RandomVerticalFlip(a.vertical_flip))
    if a.horizontal_flip:
        steps.append(v2.RandomHorizontalFlip(a.horizontal_flip))
    steps += rotation_steps(a.rotation)
    changes = (a.brightness, a.contrast, a.saturation, a.hue)
    if any(changes) and a.jitter:
        jitter = v2.ColorJitter(*changes)
        steps.append(jitter if a.jitter == 1 else v2.RandomApply([jitter], p=a.jitter))
    if a.greyscale:
        steps.append(v2.RandomGrayscale(a.greyscale))
    return steps


def _check(size_px: int, std: tuple[float, ...], crop_fraction: float) -> None:
    check_at_least(1, size_px=size_px)
    if min(std) <= 0:
        raise ConfigError(f"std must be > 0, got {std}")
    if not 0 < crop_fraction <= 1:
        raise ConfigError(f"crop_fraction must be in (0, 1], got {crop_fraction}")


def _resized(resize: Resize, side: int) -> list[int]:
    """Return what the library calls the sides: both of them, or the short one alone."""
    return [side] if resize == "center_crop" else [side, side]


def _padding(resize: Resize, least: int) -> list[Any]:
    return [partial(_padded, least=least)] if resize == "pad" else []


def _padded(pictures: torch.Tensor, least: int) -> torch.Tensor:
    """Put a picture into the middle of a black square as large as its long side, or ``least``."""
    from torch.nn.functional import pad

    h, w = pictures.shape[-2:]
    side = max(h, w, least)
    top, left = (side - h) // 2, (side - w) // 2
    return pad(pictures, (left, side - w - left, top, side - h - top))


def _mode(interpolation: Interpolation) -> Any:
    from torchvision.transforms import InterpolationMode

    return InterpolationMode(interpolation)


def _with_pillow(pictures: torch.Tensor, size: list[int], mode: Any, grey: Grey) -> torch.Tensor:
    """Resize one picture or a batch as Pillow does, grey before or after it."""
    import torch
    from torchvision.transforms import functional

    def one(picture: torch.Tensor) -> torch.Tensor:
        image = functional.to_pil_image(picture.cpu())
        if grey == "first":
            image = image.convert("L")
        image = functional.resize(image, size, mode)
        if grey == "last":
            image = image.convert("L")
        channels: torch.Tensor = functional.pil_to_tensor(image)
        return channels.expand(_CHANNELS, -1, -1)

    flat = pictures.reshape(-1, *pictures.shape[-3:])
    made = torch.stack([one(picture) for picture in flat])
    return made.reshape(*pictures.shape[:-2], *made.shape[-2:]).to(pictures.device)


def _first_channels(picture: torch.Tensor, channels: int) -> torch.Tensor:
    return picture[..., :channels, :, :]


def _compose(
    steps: list[Any],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    after: Sequence[Any] = (),
) -> Transform:
    import torch
    from torchvision.transforms import v2

    if len(mean) < _CHANNELS:
        steps = [*steps, partial(_first_channels, channels=len(mean))]
    to_float = v2.ToDtype(torch.float32, scale=True)
    pipeline: Transform = v2.Compose(
        [*steps, to_float, v2.Normalize(mean, std, inplace=True), *after]
    )
    return pipeline
