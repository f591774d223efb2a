"""Draw the pictures of the heart twin and the masks of its structures, a batch at a time.

Axes: n pictures, k structures, h rows, w columns. Sizes are in halves of the picture's side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainables.data.batches import Pictures, Truth, in_batches
from trainables.data.card import Split
from trainables.data.twin import SIZE_PX
from trainables.data.twins.canvas import Canvas, Floats, Ints
from trainables.data.twins.heart_prompts import STRUCTURES
from trainables.data.twins.heart_twin import HeartTwinParameters
from trainables.data.twins.light import blur, expose, smooth_noise
from trainables.data.twins.outlines import ellipse, soft

_BLOOD, _TISSUE, _MUSCLE = 0.10, 0.34, 0.62
_FOUR_CHAMBERS, _DIASTOLE = 1, 1
# Speckle of a poor, a medium and a good picture.
_SPECKLE = np.array([0.45, 0.32, 0.20])


def generate(parameters: HeartTwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    hearts = np.arange(parameters.hearts[split])
    seed = ("heart_twin", domain, split)
    return in_batches(seed, hearts, lambda rng, part: _draw(rng, part, parameters.size_px))


def _draw(rng: np.random.Generator, hearts: Ints, size_px: int) -> Pictures:
    """Draw every heart once, and return it with each of its structures in turn."""
    n, k = len(hearts), len(STRUCTURES)
    canvas = Canvas(size_px, SIZE_PX)
    truth: Truth = {
        "heart": hearts,
        "view": rng.integers(2, size=n),
        "phase": rng.integers(2, size=n),
        "sex": rng.integers(2, size=n),
        "age": rng.integers(30, 85, size=n),
        "quality": rng.integers(len(_SPECKLE), size=n),
    }
    covers_nkhw, right_nhw = _chambers(rng, canvas, truth)
    pixels_nhw = _scan(rng, canvas, covers_nkhw, right_nhw, truth)
    masks_nkhw = np.where(covers_nkhw > 0.5, 255, 0).astype(np.uint8)
    per_case = {name: column.repeat(k) for name, column in truth.items()}
    labels, masks_nhw = np.tile(np.arange(k), n), masks_nkhw.reshape(n * k, size_px, size_px)
    return pixels_nhw.repeat(k, axis=0), {"label": labels, **per_case, "mask": masks_nhw}


def _chambers(rng: np.random.Generator, canvas: Canvas, truth: Truth) -> tuple[Floats, Floats]:
    """Return the coverage by ventricle, muscle and atrium (n, k, h, w), and by the right heart."""
    n = len(truth["view"])
    filled = np.where(truth["phase"] == _DIASTOLE, 1.0, 0.78)
    x = np.where(truth["view"] == _FOUR_CHAMBERS, 0.14, 0.0) + rng.uniform(-0.08, 0.08, n)
    y = rng.uniform(-0.20, -0.10, n)
    width, height = rng.uniform(0.20, 0.26, n) * filled, rng.uniform(0.36, 0.42, n) * filled
    wall = rng.uniform(0.10, 0.13, n) / filled
    ventricle = ellipse(canvas, (x, y), (width, height))
    outside = ellipse(canvas, (x, y), (width + wall, height + wall))
    # The muscle is open towards the atrium.
    base = y + 0.75 * height
    above = soft(base[:, None, None] - canvas.y_hw)
    muscle = np.clip(outside - ventricle, 0, 1) * above
    radius = rng.uniform(0.17, 0.22, n) * (2 - filled)
    atrium = ellipse(canvas, (x, y + height + radius * 0.9 + 0.05), (radius * 1.1, radius * 0.9))
    atrium *= 1 - ventricle
    right_radii = np.full(n, 0.16), np.full(n, 0.30)
    right = ellipse(canvas, (x - 0.50, y + 0.12), right_radii) * (1 - outside)
    shown = (truth["view"] == _FOUR_CHAMBERS)[:, None, None]
    return np.stack([ventricle, muscle, atrium], axis=1).astype(np.float32), right * shown


def _scan(
    rng: np.random.Generator,
    canvas: Canvas,
    covers_nkhw: Floats,
    right_nhw: Floats,
    truth: Truth,
) -> npt.NDArray[np.uint8]:
    """Return the pictures as uint8 (n, 1, h, w)."""
    n, size = len(covers_nkhw), canvas.size_px
    ventricle, muscle, atrium = covers_nkhw.swapaxes(0, 1)
    light_nhw = _TISSUE * (1 + 0.15 * smooth_noise(rng, n, 5, size))
    light_nhw += (_MUSCLE - light_nhw) * muscle
    for blood_nhw in (ventricle, atrium, right_nhw):
        light_nhw += (_BLOOD - light_nhw) * blood_nhw
    speckle = _SPECKLE[truth["quality"]][:, None, None] * rng.standard_normal((n, size, size))
    light_nhw *= np.clip(1 + speckle, 0, 3)
    # The beam fans out from above.
    half_angle = rng.uniform(0.60, 0.70, (n, 1, 1))
    inside = half_angle - np.abs(np.arctan2(canvas.x_hw, canvas.y_hw + 1.25))
    light_nhw *= np.clip(inside * 14, 0, 1)
    light_nchw = blur(light_nhw.astype(np.float32)[:, None], 0.5 * canvas.scale)
    light_nchw *= rng.normal(1, 0.08, (n, 1, 1, 1)).astype(np.float32)
    return expose(rng, light_nchw, 0.01)
