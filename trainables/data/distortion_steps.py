"""The distortions of an augmentation as steps of torchvision, drawing from torch's generator."""

from __future__ import annotations

import math
from typing import Any

from torchvision.transforms import v2

from trainables.data.augmentation import Augmentation
from trainables.data.distortions import Affine, Blur, Erasing, Rotation


def rotation_steps(rotation: Rotation) -> list[Any]:
    """Return the step between flips and colours, if any."""
    return _sometimes(v2.RandomRotation(rotation.degrees), rotation.p) if rotation.p else []


def distortion_steps(augmentation: Augmentation, size_px: int) -> list[Any]:
    """Return the steps after the colours, on uint8 pictures of this side."""
    a, steps = augmentation, []
    if a.blur.p:
        steps += _sometimes(_gaussian(a.blur, size_px), a.blur.p)
    if a.affine.p:
        steps += _sometimes(_affine(a.affine), a.affine.p)
    if a.perspective.p:
        steps.append(v2.RandomPerspective(a.perspective.distortion, a.perspective.p))
    if a.solarise.p:
        steps.append(v2.RandomSolarize(a.solarise.threshold, a.solarise.p))
    return steps


def erasing_steps(erasing: Erasing) -> list[Any]:
    """Return the step after normalisation, if any."""
    if not erasing.p:
        return []
    return [v2.RandomErasing(erasing.p, list(erasing.area), list(erasing.aspect), erasing.value)]


def _sometimes(step: Any, p: float) -> list[Any]:
    return [step if p == 1 else v2.RandomApply([step], p=p)]


def _gaussian(blur: Blur, size_px: int) -> Any:
    # Three standard deviations to each side; a kernel cannot reach further than the picture.
    reach = min(math.ceil(3 * blur.radius_px[1]), size_px - 1)
    return v2.GaussianBlur(2 * reach + 1, list(blur.radius_px))


def _affine(affine: Affine) -> Any:
    return v2.RandomAffine(
        affine.degrees,
        translate=list(affine.translate),
        scale=list(affine.scale),
        shear=affine.shear_degrees or None,
    )
