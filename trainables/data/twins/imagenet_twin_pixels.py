"""Draw coloured textures and shapes, a batch at a time.

Axes: n pictures, c channels, h rows, w columns. Patterns are drawn in coordinates (u, v) that are
moved, turned, scaled and bent for every picture; a pattern is a map of how much of a second colour
covers the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.batches import Pictures, draw_labels, in_batches
from trainables.data.card import Split
from trainables.data.twin import SIZE_PX, TwinParameters
from trainables.data.twins.canvas import Canvas, Floats, Ints, Points, Spots
from trainables.data.twins.light import blur, cover, expose, smooth_noise

_BRANCHES = 7
_USUAL = 0.9
"""Share of the pictures that show the pattern in the usual colour of its class."""

# As bananas are yellow: colour says something of a class, though not all. In the card's order.
_COLOURS = (
    (0.30, 0.42, 0.62),
    (0.72, 0.70, 0.64),
    (0.42, 0.26, 0.18),
    (0.80, 0.66, 0.22),
    (0.84, 0.52, 0.62),
    (0.72, 0.24, 0.18),
    (0.28, 0.62, 0.62),
    (0.46, 0.30, 0.56),
    (0.26, 0.38, 0.16),
    (0.56, 0.60, 0.68),
)


@dataclass(frozen=True)
class _Frame:
    """Pattern coordinates of a batch.

    Args:
        canvas: the picture itself.
        u, v: (n, h, w), in patterns: 1 is about the size of a shape.
        sharpness: slope of edges per unit, (n, 1, 1).
    """

    canvas: Canvas
    u: Floats
    v: Floats
    sharpness: Floats

    @property
    def n(self) -> int:
        return len(self.u)


def generate(parameters: TwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split; 'scale' and 'turn' are the pattern's size and direction."""
    seed = ("imagenet_twin", domain, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = draw_labels(rng, parameters.counts[split], parameters.shares)
    return in_batches(seed, labels, lambda rng, part: _draw(rng, part, parameters.size_px))


def _draw(rng: np.random.Generator, labels: Ints, size_px: int) -> Pictures:
    canvas, n = Canvas(size_px, SIZE_PX), len(labels)
    scale, turn = np.exp(rng.uniform(np.log(0.35), np.log(0.95), n)), rng.uniform(0, 2 * np.pi, n)
    cover_nhw = canvas.empty(n)
    # One draw per class, in the order of the classes, whatever the order of the labels.
    for label, pattern in enumerate(_PATTERNS):
        mine = np.flatnonzero(labels == label)
        if len(mine):
            frame = _frame(rng, canvas, scale[mine], turn[mine])
            cover_nhw[mine] = np.clip(pattern(rng, frame), 0, 1)
    light_nchw = _texture(rng, size_px, _tones(rng, n))
    usual = rng.random((n, 1)) < _USUAL
    own = np.array(_COLOURS)[labels] * rng.normal(1, 0.12, (n, 1)) + rng.normal(0, 0.06, (n, 3))
    figure_nchw = _texture(rng, size_px, np.where(usual, own, _tones(rng, n)))
    contrast = rng.uniform(0.6, 1.0, (n, 1, 1)).astype(np.float32)
    light_nchw += (contrast * cover_nhw)[:, None] * (figure_nchw - light_nchw)
    _add_clutter(rng, light_nchw, canvas)
    slope = rng.normal(0, 0.15, (2, n, 1, 1)).astype(np.float32)
    light_nchw *= (1 + slope[0] * canvas.x_hw + slope[1] * canvas.y_hw)[:, None]
    light_nchw = blur(light_nchw, 0.4 * canvas.scale)
    return expose(rng, light_nchw, 0.02), {"label": labels, "scale": scale, "turn": turn}


def _tones(rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Draw colours (n, 3), rarely garish ones."""
    return np.clip(rng.uniform(0.08, 0.92, (n, 1)) + rng.normal(0, 0.16, (n, 3)), 0.03, 0.97)


def _texture(rng: np.random.Generator, size_px: int, tone: npt.NDArray[np.float64]) -> Floats:
    """Return surfaces of the colours (n, 3) with bumps at two random scales."""
    n = len(tone)
    light_nchw = np.repeat(tone[:, :, None, None], size_px, axis=2).astype(np.float32)
    light_nchw = np.repeat(light_nchw, size_px, axis=3)
    for cells in (rng.integers(2, 6), rng.integers(8, 28)):
        strength = rng.uniform(0.0, 0.10, (n, 3, 1, 1)).astype(np.float32)
        light_nchw += strength * smooth_noise(rng, n, int(cells), size_px)[:, None]
    return light_nchw


def _add_clutter(rng: np.random.Generator, light_nchw: Floats, canvas: Canvas) -> None:
    """Lay small blobs and scratches of any colour over the picture; they say nothing of it."""
    n = len(light_nchw)
    blobs = _spots(rng, rng.poisson(1.0, n), (1.0, 4.0), 2.0)
    cover(light_nchw, 0.8 * canvas.ellipses(blobs, 1.5, n), rng.uniform(0, 1, (n, 3)))
    scratches = _walks(rng, rng.poisson(0.4, n), 0.035, 0.15)
    cover(light_nchw, 0.8 * canvas.lines([scratches], n), rng.uniform(0, 1, (n, 3)))


def _frame(
    rng: np.random.Generator,
    canvas: Canvas,
    scale: npt.NDArray[np.float64],
    turn: npt.NDArray[np.float64],
) -> _Frame:
    n = len(scale)
    size, angle = scale[:, None, None], turn[:, None, None]
    move = rng.uniform(-0.35, 0.35, (2, n, 1, 1))
    bend = rng.uniform(0, 0.10, (2, n, 1, 1))
    x = canvas.x_hw - move[0] + bend[0] * smooth_noise(rng, n, 3, canvas.size_px)
    y = canvas.y_hw - move[1] + bend[1] * smooth_noise(rng, n, 3, canvas.size_px)
    return _Frame(
        canvas=canvas,
        u=((x * np.cos(angle) + y * np.sin(angle)) / size).astype(np.float32),
        v=((y * np.cos(angle) - x * np.sin(angle)) / size).astype(np.float32),
        # An edge is about two pixels wide, however large the pattern.
        sharpness=(0.5 * canvas.radius_px * size).astype(np.float32),
    )


def _edge(frame: _Frame, inside: npt.NDArray[np.floating]) -> Floats:
    """Turn a signed distance (positive inside) into coverage with an edge."""
    covered: Floats = np.clip(0.5 + frame.sharpness * inside, 0, 1).astype(np.float32)
    return covered


def _stripes(rng: np.random.Generator, frame: _Frame) -> Floats:
    share = rng.uniform(-0.5, 0.5, (frame.n, 1, 1))
    return _edge(frame, (np.sin(9 * frame.u) - share) / 9)


def _checks(rng: np.random.Generator, frame: _Frame) -> Floats:
    stretch = rng.uniform(0.7, 1.4, (frame.n, 1, 1))
    return _edge(frame, np.sin(5.5 * frame.u) * np.sin(5.5 * stretch * frame.v) / 5.5)


def _spots_on_grid(rng: np.random.Generator, frame: _Frame) -> Floats:
    # Every second row is moved by half a step.
    row = np.floor(frame.v / 0.6)
    across = np.mod(frame.u / 0.6 + 0.5 * np.mod(row, 2), 1) - 0.5
    down = np.mod(frame.v / 0.6, 1) - 0.5
    radius = rng.uniform(0.2, 0.38, (frame.n, 1, 1))
    return _edge(frame, 0.6 * (radius - np.hypot(across, down)))


def _rings(rng: np.random.Generator, frame: _Frame) -> Floats:
    stretch = rng.uniform(0.8, 1.25, (frame.n, 1, 1))
    far = np.hypot(frame.u, stretch * frame.v)
    return _edge(frame, np.sin(9 * far) / 9)


def _petals(rng: np.random.Generator, frame: _Frame) -> Floats:
    leaves = rng.integers(4, 8, (frame.n, 1, 1))
    far, angle = np.hypot(frame.u, frame.v), np.arctan2(frame.v, frame.u)
    reach = 0.55 + 0.35 * np.cos(leaves * angle)
    return _edge(frame, np.maximum(reach - far, 0.22 - far) * np.where(far < 0.12, -1, 1))


def _polygon(rng: np.random.Generator, frame: _Frame) -> Floats:
    corners = rng.integers(3, 6, (frame.n, 1, 1))
    far, angle = np.hypot(frame.u, frame.v), np.arctan2(frame.v, frame.u)
    wedge = 2 * np.pi / corners
    side = far * np.cos(np.mod(angle, wedge) - wedge / 2)
    return _edge(frame, 0.5 - side)


def _waves(rng: np.random.Generator, frame: _Frame) -> Floats:
    high = rng.uniform(0.15, 0.3, (frame.n, 1, 1))
    return _edge(frame, np.sin(9 * (frame.u + high * np.sin(5.5 * frame.v))) / 9)


def _cells(rng: np.random.Generator, frame: _Frame) -> Floats:
    """Return walls between the regions nearest to one of some seeds."""
    seeds = rng.uniform(-2.2, 2.2, (2, 26, frame.n, 1, 1)).astype(np.float32)
    first = np.full_like(frame.u, np.inf)
    second = first.copy()
    for at_u, at_v in zip(seeds[0], seeds[1], strict=True):
        far = (frame.u - at_u) ** 2 + (frame.v - at_v) ** 2
        second = np.minimum(second, np.maximum(first, far))
        first = np.minimum(first, far)
    return _edge(frame, 0.10 - (np.sqrt(second) - np.sqrt(first)))


def _branches(rng: np.random.Generator, frame: _Frame) -> Floats:
    counts = rng.integers(4, _BRANCHES + 1, frame.n)
    thick = frame.canvas.lines([_walks(rng, counts, 0.032, 0.22, 0.9)], frame.n)
    lines: Floats = np.minimum(1.4 * thick, 1)
    return lines


def _clouds(rng: np.random.Generator, frame: _Frame) -> Floats:
    size = frame.canvas.size_px
    heaps = smooth_noise(rng, frame.n, 5, size) + 0.5 * smooth_noise(rng, frame.n, 11, size)
    return np.clip(0.5 + 0.9 * heaps, 0, 1)


def _spots(
    rng: np.random.Generator, counts: Ints, radii_px: tuple[float, float], stretch: float
) -> Spots:
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    radius, ratio = rng.uniform(*radii_px, total), np.sqrt(rng.uniform(1, stretch, total))
    return Spots(
        owner=owner,
        x=rng.uniform(-1, 1, total).astype(np.float32),
        y=rng.uniform(-1, 1, total).astype(np.float32),
        radius_x=(radius * ratio).astype(np.float32),
        radius_y=(radius / ratio).astype(np.float32),
        angle=rng.uniform(0, np.pi, total).astype(np.float32),
    )


def _walks(
    rng: np.random.Generator, counts: Ints, step: float, curl: float, width_px: float = 0.6
) -> Points:
    """Return lines that start on each picture and wander off."""
    owner = np.repeat(np.arange(len(counts)), counts)
    total, points = len(owner), 44
    heading = rng.uniform(0, 2 * np.pi, (total, 1))
    heading = heading + rng.normal(0, curl, (total, points)).cumsum(axis=1)
    start = rng.uniform(-0.8, 0.8, (2, total, 1))
    x = start[0] + step * np.cos(heading).cumsum(axis=1)
    y = start[1] + step * np.sin(heading).cumsum(axis=1)
    k = total * points
    return Points(
        owner=np.repeat(owner, points),
        xy=np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32),
        width_px=np.full(k, width_px, dtype=np.float32),
        weight=np.full(k, 0.9, dtype=np.float32),
    )


# In the order of the card's classes.
_PATTERNS: tuple[Callable[[np.random.Generator, _Frame], Floats], ...] = (
    _stripes,
    _checks,
    _spots_on_grid,
    _rings,
    _petals,
    _polygon,
    _waves,
    _cells,
    _branches,
    _clouds,
)
