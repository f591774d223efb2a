"""Draw the pictures of the referring twins and their masks, a batch at a time.

Axes: n pictures, c channels, h rows, w columns. Sizes are in halves of the picture's side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.batches import Pictures, Truth, draw_labels, in_batches
from trainables.data.card import Split
from trainables.data.twin import SIZE_PX
from trainables.data.twins.canvas import Canvas, Floats, Ints
from trainables.data.twins.light import blur, cover, expose, glow, shade, smooth_noise
from trainables.data.twins.outlines import soft
from trainables.data.twins.referring_prompts import BREAST, IRREGULAR
from trainables.data.twins.referring_truth import QUADRANTS, draw_referring_truth
from trainables.data.twins.referring_twin import Look, ReferringTwinParameters, Scene

_GROUND: dict[Scene, tuple[float, float, float]] = {
    "bowel": (0.78, 0.46, 0.36),
    "skin": (0.84, 0.66, 0.58),
    "foot": (0.86, 0.64, 0.50),
    "breast": (0.46, 0.46, 0.46),
}
# By scene, the colour of every tone in the vocabulary's order.
_TONES: dict[Scene, Floats] = {
    "bowel": np.array([(0.96, 0.60, 0.72), (0.60, 0.10, 0.12), (0.94, 0.88, 0.76)], np.float32),
    "skin": np.array([(0.52, 0.32, 0.20), (0.16, 0.11, 0.11), (0.72, 0.26, 0.26)], np.float32),
    "foot": np.array([(0.66, 0.12, 0.12), (0.86, 0.74, 0.34), (0.14, 0.10, 0.09)], np.float32),
    "breast": np.array([(0.22, 0.22, 0.22), (0.09, 0.09, 0.09)], np.float32),
}
# Small enough for neighbours in two quadrants never to touch: see _outlines.
_RADII = np.array([(0.15, 0.17), (0.20, 0.22), (0.25, 0.27)])
_MIDDLE, _JITTER = 0.42, 0.08
_OVAL, _RAGGED = 1, 0.16


def generate(parameters: ReferringTwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    seed = ("referring_twin", domain, parameters.scene, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = draw_labels(rng, parameters.counts[split], parameters.shares)
    return in_batches(seed, labels, lambda rng, part: _draw(rng, part, parameters))


def _draw(rng: np.random.Generator, labels: Ints, parameters: ReferringTwinParameters) -> Pictures:
    truth = draw_referring_truth(rng, labels, parameters)
    canvas, n = Canvas(parameters.size_px, SIZE_PX), len(labels)
    light_nchw = _ground(rng, canvas, parameters.scene, n)
    target_nhw, other_nhw = canvas.empty(n), canvas.empty(n)
    for place in range(QUADRANTS):
        of_target = place < truth["target_count"]
        last = truth["named_count"] + truth["other_count"]
        of_other = (place >= truth["named_count"]) & (place < last)
        group = {
            name: np.where(of_target, truth[f"target_{name}"], truth[f"other_{name}"])
            for name in ("tone", "shape", "size")
        }
        cover_nhw = _outlines(rng, canvas, truth[f"place_{place}"], group)
        cover_nhw *= (of_target | of_other)[:, None, None]
        _paint(rng, light_nchw, canvas, cover_nhw, _TONES[parameters.scene][group["tone"]])
        if parameters.scene == BREAST:
            _cast_shadow(light_nchw, canvas, cover_nhw, group["tone"])
        target_nhw = np.maximum(target_nhw, cover_nhw * of_target[:, None, None])
        other_nhw = np.maximum(other_nhw, cover_nhw * of_other[:, None, None])
    masks_nhw = np.where(target_nhw > 0.5, 255, 0).astype(np.uint8)
    # How large the other group is tells how much a viewer without the prompt can get right.
    other_px = (other_nhw > 0.5).sum(axis=(1, 2))
    pixels_nchw = _photograph(rng, light_nchw, canvas, parameters)
    return pixels_nchw, {**truth, "other_px": other_px, "mask": masks_nhw}


def _ground(rng: np.random.Generator, canvas: Canvas, scene: Scene, n: int) -> Floats:
    tone = np.array(_GROUND[scene]) * rng.normal(1, 0.04, (n, 3)) * rng.normal(1, 0.05, (n, 1))
    if scene == BREAST:
        tone[:] = tone[:, :1]
    texture = 1 + 0.05 * smooth_noise(rng, n, 4, canvas.size_px)
    texture += 0.03 * smooth_noise(rng, n, 16, canvas.size_px)
    if scene == "bowel":
        texture *= 1 + 0.10 * _folds(rng, canvas, n)
    if scene == "foot":
        # Toes and heel are left out; only the edge of the foot against the drape is there.
        edge = rng.uniform(0.94, 1.02, (n, 1, 1)) - np.abs(canvas.x_hw)
        texture *= np.clip(0.35 + 12 * edge, 0.35, 1)
    if scene == BREAST:
        texture *= 1.15 - 0.25 * canvas.y_hw + 0.12 * np.cos(9 * canvas.y_hw)
    light_nchw: Floats = (tone[:, :, None, None] * texture[:, None]).astype(np.float32)
    return light_nchw


def _folds(rng: np.random.Generator, canvas: Canvas, n: int) -> Floats:
    """Return rings of the bowel around where it goes on, between -1 and 1."""
    at = rng.uniform(-0.6, 0.6, (n, 2, 1, 1))
    far = np.hypot(canvas.x_hw - at[:, 0], canvas.y_hw - at[:, 1])
    folds: Floats = np.cos(rng.uniform(5, 8, (n, 1, 1)) * far).astype(np.float32)
    return folds


def _outlines(rng: np.random.Generator, canvas: Canvas, place: Ints, group: Truth) -> Floats:
    """Return the coverage by one structure per picture, in the middle of a quadrant."""
    n = len(place)
    x = np.where(place % 2 == 0, -_MIDDLE, _MIDDLE) + rng.uniform(-_JITTER, _JITTER, n)
    y = np.where(place < 2, -_MIDDLE, _MIDDLE) + rng.uniform(-_JITTER, _JITTER, n)
    radius = rng.uniform(*_RADII[group["size"]].T)
    turn = rng.uniform(0, np.pi, n)
    # 0.27 x 1.22 and 0.27 x (1 + 0.16) stay below half of 2 x (0.42 - 0.08).
    stretch = np.where(group["shape"] == _OVAL, rng.uniform(1.16, 1.22, n), 1.0)
    dx, dy = canvas.x_hw - x[:, None, None], canvas.y_hw - y[:, None, None]
    cos, sin = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    along = (dx * cos + dy * sin) / stretch[:, None, None]
    across = (dy * cos - dx * sin) * stretch[:, None, None]
    angle, ragged = np.arctan2(across, along), _RAGGED * (group["shape"] == IRREGULAR)
    phase = rng.uniform(0, 2 * np.pi, (2, n, 1, 1))
    wave = 0.6 * np.cos(3 * angle + phase[0]) + 0.4 * np.cos(5 * angle + phase[1])
    reach = radius[:, None, None] * (1 + ragged[:, None, None] * wave)
    return soft(reach - np.hypot(along, across))


def _paint(
    rng: np.random.Generator,
    light_nchw: Floats,
    canvas: Canvas,
    cover_nhw: Floats,
    colour_nc: Floats,
) -> None:
    n = len(cover_nhw)
    # One factor for all channels keeps grey scenes grey.
    colour_nc = (colour_nc * rng.normal(1, 0.05, (n, 1))).astype(np.float32)
    cover(light_nchw, 0.92 * cover_nhw, colour_nc)
    mottled = 0.06 * smooth_noise(rng, n, 10, canvas.size_px)
    shade(light_nchw, cover_nhw * mottled, (1, 1, 1))


def _cast_shadow(light_nchw: Floats, canvas: Canvas, cover_nhw: Floats, tone: Ints) -> None:
    """Darken what lies below a malignant tumour, and brighten what lies below a benign one."""
    below_nhw = np.maximum.accumulate(cover_nhw, axis=1) * (1 - cover_nhw)
    fade = np.clip(1 - canvas.y_hw, 0, 1).astype(np.float32)
    strength = np.where(tone == 1, -0.22, 0.10).astype(np.float32)[:, None, None]
    shade(light_nchw, below_nhw * fade * strength, (1, 1, 1))


def _photograph(
    rng: np.random.Generator,
    light_nchw: Floats,
    canvas: Canvas,
    parameters: ReferringTwinParameters,
) -> npt.NDArray[np.uint8]:
    look, n = parameters.look, len(light_nchw)
    if parameters.scene == BREAST:
        # Speckle multiplies, and is the same in all channels.
        speckle = rng.normal(1, 0.16, (n, 1, canvas.size_px, canvas.size_px))
        light_nchw = light_nchw * speckle.astype(np.float32)
    if parameters.scene == "bowel":
        spot = canvas.bump(rng.uniform(-0.8, 0.8, (n, 2)).astype(np.float32), 0.05)
        glow(light_nchw, 0.35 * spot, (1, 1, 1))
    light_nchw = blur(light_nchw, look.blur_px * canvas.scale)
    return _exposed(rng, light_nchw, canvas, look)


def _exposed(
    rng: np.random.Generator, light_nchw: Floats, canvas: Canvas, look: Look
) -> npt.NDArray[np.uint8]:
    n = len(light_nchw)
    gain = np.array(look.gain) * rng.normal(1, 0.03, (n, 1))
    light_nchw *= gain[:, :, None, None].astype(np.float32)
    light_nchw *= (1 - look.vignette * np.minimum(canvas.r_hw, 1.4) ** 2 / 2).astype(np.float32)
    return expose(rng, light_nchw, look.noise)
