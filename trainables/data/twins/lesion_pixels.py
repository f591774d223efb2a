"""Paint synthetic dermoscopy of lesions whose criteria and signs are given.

Axes: n pictures, c channels, h rows, w columns. Sizes are in pixels of a 64 px picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.data.batches import Truth
from trainables.data.twin import SIZE_PX
from trainables.data.twins.canvas import Canvas, Floats, Ints, Points, Spots
from trainables.data.twins.light import blur, cover, expose, glow, shade, smooth_noise

# How much red, green and blue the lesion of a class takes away, and how dark it gets.
_PIGMENT = np.array(
    [
        (0.50, 0.68, 0.74),
        (0.42, 0.60, 0.66),
        (0.14, 0.40, 0.36),
        (0.06, 0.36, 0.32),
        (0.36, 0.50, 0.60),
        (0.26, 0.44, 0.46),
        (0.28, 0.64, 0.52),
        (0.10, 0.42, 0.38),
    ],
    dtype=np.float32,
)
_SKIN = (0.84, 0.66, 0.58)
_WHITE = (0.93, 0.88, 0.82)
_VEIL = (0.44, 0.45, 0.53)
_BLACK = (0.14, 0.10, 0.10)
_RED = (0.70, 0.32, 0.30)
_PURPLE = (0.45, 0.08, 0.20)


@dataclass(frozen=True)
class _Lesion:
    """Where the lesions of a batch are: centre (n, 2), radius (n,), coverage (n, h, w)."""

    centre_xy: Floats
    radius: Floats
    cover_nhw: Floats


def paint_lesions(rng: np.random.Generator, truth: Truth, size_px: int) -> npt.NDArray[np.uint8]:
    """Return pictures (n, 3, size_px, size_px) of lesions.

    Args:
        truth: of :func:`trainables.data.twins.lesion_truth.draw_lesion_truth`; its labels are
            diagnoses.
    """
    canvas, n = Canvas(size_px, SIZE_PX), len(truth["label"])
    light_nchw = _skin(rng, canvas, n)
    lesion = _outline(rng, canvas, truth)
    _add_pigment(rng, light_nchw, canvas, lesion, truth)
    _add_signs(rng, light_nchw, canvas, lesion, truth)
    _add_hairs(rng, light_nchw, canvas, n)
    return _photograph(rng, light_nchw, canvas)


def _skin(rng: np.random.Generator, canvas: Canvas, n: int) -> Floats:
    tone = np.array(_SKIN) * rng.normal(1, (0.03, 0.04, 0.05), (n, 3)) * rng.normal(1, 0.06, (n, 1))
    clouds = smooth_noise(rng, n, 3, canvas.size_px) * 0.035
    pores = smooth_noise(rng, n, 20, canvas.size_px) * 0.025
    texture = (1 + clouds + pores)[:, None]
    return (tone[:, :, None, None] * texture).astype(np.float32)


def _outline(rng: np.random.Generator, canvas: Canvas, truth: Truth) -> _Lesion:
    """Draw a closed curve in polar coordinates; low harmonics deform it, high ones fray it."""
    n = len(truth["label"])
    centre_xy = rng.uniform(-0.15, 0.15, (n, 2)).astype(np.float32)
    radius = rng.uniform(0.38, 0.68, n).astype(np.float32)
    dx = canvas.x_hw - centre_xy[:, 0, None, None]
    dy = canvas.y_hw - centre_xy[:, 1, None, None]
    angle = np.arctan2(dy, dx)
    wave = np.zeros_like(angle)
    for harmonic in (1, 2, 3, 5, 7, 9, 12):
        marked = truth["asymmetry"] if harmonic < 4 else truth["border"]
        size = (0.025 + 0.055 * marked if harmonic < 4 else 0.006 + 0.020 * marked) / np.sqrt(
            harmonic if harmonic < 4 else 2
        )
        phase = rng.uniform(0, 2 * np.pi, n)
        size = size * rng.uniform(0.7, 1.3, n)
        wave += size[:, None, None] * np.cos(harmonic * angle + phase[:, None, None])
    reach = np.hypot(dx, dy) / (radius[:, None, None] * (1 + wave))
    edge = np.where(truth["border"] > 1, 0.10, 0.22)[:, None, None]
    depth = np.clip(0.5 + (1 - reach) / (2 * edge), 0, 1)
    return _Lesion(
        centre_xy=centre_xy,
        radius=radius,
        cover_nhw=(depth * depth * (3 - 2 * depth)).astype(np.float32),
    )


def _add_pigment(
    rng: np.random.Generator, light_nchw: Floats, canvas: Canvas, lesion: _Lesion, truth: Truth
) -> None:
    labels, n = truth["label"], len(truth["label"])
    depth = np.clip(rng.normal(1, 0.18, (n, 1)) * rng.normal(1, 0.05, (n, 3)), 0.5, 1.25)
    absorbed = np.minimum(_PIGMENT[labels] * depth, 0.9).astype(np.float32)
    mottled = 1 + 0.13 * smooth_noise(rng, n, 6, canvas.size_px)
    mottled += 0.10 * smooth_noise(rng, n, 14, canvas.size_px)
    network = 1 + 0.32 * truth["network"][:, None, None] * _network(rng, canvas, n)
    density_nhw = np.clip(lesion.cover_nhw * mottled * network, 0, 1.2)
    light_nchw *= 1 - np.minimum(density_nhw[:, None] * absorbed[:, :, None, None], 0.93)
    tones = (_BLACK, _RED, _VEIL)
    for rank, tone in enumerate(tones):
        present = (truth["colours"] > rank).astype(np.float32)
        patch = _patch(rng, canvas, lesion, n) * present[:, None, None]
        cover(light_nchw, 0.62 * patch, tone)
    veil = _patch(rng, canvas, lesion, n) * truth["veil"][:, None, None]
    cover(light_nchw, 0.8 * veil.astype(np.float32), _VEIL)


def _patch(rng: np.random.Generator, canvas: Canvas, lesion: _Lesion, n: int) -> Floats:
    """Return a soft spot inside each lesion, off its centre."""
    turn, far = rng.uniform(0, 2 * np.pi, n), lesion.radius * rng.uniform(0.2, 0.65, n)
    at = lesion.centre_xy + np.stack([far * np.cos(turn), far * np.sin(turn)], axis=1)
    sd = (lesion.radius[:, None] * rng.uniform(0.22, 0.42, (n, 2))).astype(np.float32)
    spot: Floats = np.minimum(1.5 * canvas.bump(at, sd), 1) * lesion.cover_nhw
    return spot


def _network(rng: np.random.Generator, canvas: Canvas, n: int) -> Floats:
    """Return a net of dark lines around pale holes, between -1 and 1."""
    turn = rng.uniform(0, np.pi, (n, 1, 1))
    pitch = 2 * np.pi * rng.uniform(6.0, 8.0, (n, 1, 1)) / 2
    u = canvas.x_hw * np.cos(turn) + canvas.y_hw * np.sin(turn)
    v = canvas.y_hw * np.cos(turn) - canvas.x_hw * np.sin(turn)
    net: Floats = np.maximum(np.cos(pitch * u), np.cos(pitch * v)).astype(np.float32)
    return net


def _scatter(
    rng: np.random.Generator, lesion: _Lesion, counts: Ints, radii_px: tuple[float, float]
) -> Spots:
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    turn = rng.uniform(0, 2 * np.pi, total)
    far = lesion.radius[owner] * 0.8 * np.sqrt(rng.random(total))
    radius = rng.uniform(*radii_px, total)
    stretch = rng.uniform(0.8, 1.25, total)
    return Spots(
        owner=owner,
        x=(lesion.centre_xy[owner, 0] + far * np.cos(turn)).astype(np.float32),
        y=(lesion.centre_xy[owner, 1] + far * np.sin(turn)).astype(np.float32),
        radius_x=(radius * stretch).astype(np.float32),
        radius_y=(radius / stretch).astype(np.float32),
        angle=rng.uniform(0, np.pi, total).astype(np.float32),
    )


def _add_signs(
    rng: np.random.Generator, light_nchw: Floats, canvas: Canvas, lesion: _Lesion, truth: Truth
) -> None:
    n = len(light_nchw)

    def spots(name: str, radii_px: tuple[float, float], edge_px: float) -> Floats:
        return canvas.ellipses(_scatter(rng, lesion, truth[name], radii_px), edge_px, n)

    shade(light_nchw, spots("globules", (0.9, 1.5), 1.0), (-0.45, -0.5, -0.5))
    cover(light_nchw, 0.75 * spots("cysts", (0.9, 1.5), 1.2), _WHITE)
    cover(light_nchw, 0.55 * spots("follicles", (1.0, 1.7), 1.4), _WHITE)
    cover(light_nchw, 0.8 * spots("lacunae", (2.2, 4.2), 1.4), _PURPLE)
    cover(light_nchw, 0.75 * spots("keratin", (3.0, 6.0), 3.0), _WHITE)
    scar_nhw = canvas.bump(lesion.centre_xy, (0.42 * lesion.radius)[:, None].repeat(2, axis=1))
    cover(light_nchw, 0.75 * scar_nhw * truth["scar"].astype(np.float32)[:, None, None], _WHITE)
    vessels = _curves(rng, lesion.centre_xy, lesion.radius, truth["vessels"], 0.65, 48)
    shade(light_nchw, canvas.lines([vessels], n), (-0.22, -0.62, -0.52))


def _add_hairs(rng: np.random.Generator, light_nchw: Floats, canvas: Canvas, n: int) -> None:
    counts = rng.poisson(1.2, n) * (rng.random(n) < 0.4)
    hairs = _curves(rng, np.zeros((n, 2)), np.full(n, 1.5), counts, 0.45, 112)
    shade(light_nchw, canvas.lines([hairs], n), (-0.75, -0.75, -0.7))


def _curves(
    rng: np.random.Generator,
    centre_xy: npt.NDArray[np.floating],
    radius: npt.NDArray[np.floating],
    counts: Ints,
    width_px: float,
    points: int,
) -> Points:
    """Return bent lines that cross a disc on each picture."""
    owner = np.repeat(np.arange(len(counts)), counts)
    total, t = len(owner), np.linspace(-0.9, 0.9, points)
    turn = rng.uniform(0, 2 * np.pi, (total, 1))
    aside = rng.uniform(-0.5, 0.5, (total, 1)) + rng.normal(0, 0.25, (total, 1)) * t**2
    aside = aside + 0.06 * np.sin(rng.uniform(4, 9, (total, 1)) * t)
    size = radius[owner][:, None]
    x = centre_xy[owner, :1] + size * (t * np.cos(turn) - aside * np.sin(turn))
    y = centre_xy[owner, 1:] + size * (t * np.sin(turn) + aside * np.cos(turn))
    k = total * len(t)
    return Points(
        owner=np.repeat(owner, len(t)),
        xy=np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32),
        width_px=np.full(k, width_px, dtype=np.float32),
        weight=np.full(k, 0.85, dtype=np.float32),
    )


def _photograph(
    rng: np.random.Generator, light_nchw: Floats, canvas: Canvas
) -> npt.NDArray[np.uint8]:
    n = len(light_nchw)
    glare = canvas.bump(rng.uniform(-0.8, 0.8, (n, 2)).astype(np.float32), 0.3)
    glow(light_nchw, glare * rng.uniform(0, 0.08, (n, 1, 1)).astype(np.float32), (1, 1, 1))
    light_nchw = blur(light_nchw, 0.45 * canvas.scale)
    gain = rng.normal(1, 0.025, (n, 3)) * rng.normal(1, 0.05, (n, 1))
    light_nchw *= gain[:, :, None, None].astype(np.float32)
    # A third of the dermatoscopes show the rim of their tube.
    tube = np.where(rng.random(n) < 0.33, rng.uniform(0.95, 1.15, n), 2.0)[:, None, None]
    light_nchw *= np.clip((tube - canvas.r_hw) * 12, 0, 1).astype(np.float32)[:, None]
    return expose(rng, light_nchw, 0.015)
