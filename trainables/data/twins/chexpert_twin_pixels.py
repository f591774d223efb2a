"""Draw synthetic chest radiographs, a batch at a time.

Axes: n pictures, c channels (1), h rows, w columns. Sizes are in pixels of a 64 px picture, places
in halves of the picture (-1 to 1). 'Side' is -1 or +1, the half of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.config import seed_from
from trainables.data.batches import Pictures, Truth, in_batches
from trainables.data.card import Split
from trainables.data.twin import SIZE_PX, TwinParameters
from trainables.data.twins.canvas import Canvas, Floats, Ints, Points, Spots
from trainables.data.twins.chexpert_twin_truth import draw_causes, draw_findings
from trainables.data.twins.light import blur, expose, smooth_noise

_RIBS = 8
_CHEST = 0.86
"""Half width of the rib cage, which the ratios of heart and mediastinum refer to."""


@dataclass(frozen=True)
class _Chest:
    """Anatomy of a batch.

    Args:
        depth_nhw: from 0 at the edge of a lung upwards to its middle; negative outside.
        lung_nhw: coverage by the lungs; base: row of the diaphragm, (n, 1, 1).
        tilt: slope of the ribs, (n,); pitch: rows between them, (n,).
    """

    depth_nhw: Floats
    lung_nhw: Floats
    base: Floats
    tilt: Floats
    pitch: Floats


def generate(parameters: TwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    seed = ("chexpert_twin", domain, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = draw_findings(rng, parameters.counts[split], parameters.shares)
    return in_batches(seed, labels, lambda rng, part: draw_chests(rng, part, parameters.size_px))


def draw_chests(rng: np.random.Generator, labels: Ints, size_px: int) -> Pictures:
    """Draw a batch, and the ground truth it was drawn from.

    Args:
        labels: 0 or 1 per finding of CheXpert, (n, 14).
    """
    truth, canvas = draw_causes(rng, labels), Canvas(size_px, SIZE_PX)
    n = len(labels)
    chest = _anatomy(rng, canvas, n)
    air_nhw = _air(rng, canvas, chest, truth)
    body_nhw = _body(rng, canvas, n)
    light_nhw = body_nhw - 0.50 * air_nhw * np.minimum(body_nhw * 2, 1)
    light_nhw += _bones(rng, canvas, chest, truth)
    light_nhw = np.maximum(light_nhw, _middle(rng, canvas, truth) * np.minimum(body_nhw * 3, 1))
    light_nhw = np.maximum(light_nhw, 0.95 * canvas.lines([_tubes(rng, truth)], n))
    light_nhw = np.maximum(light_nhw, 0.98 * _boxes(rng, canvas, truth))
    exposure = rng.uniform(0.85, 1.12, (n, 1, 1)).astype(np.float32)
    light_nchw = blur((light_nhw * exposure).astype(np.float32)[:, None], 0.4 * canvas.scale)
    return expose(rng, light_nchw, 0.015), truth


def _anatomy(rng: np.random.Generator, canvas: Canvas, n: int) -> _Chest:
    height, lean = rng.uniform(0.62, 0.80, (n, 1, 1)), rng.normal(0, 0.03, (n, 1, 1))
    base = (rng.uniform(0.42, 0.62, (n, 1, 1))).astype(np.float32)
    x = np.abs(canvas.x_hw - lean)
    # Half an egg on either side of the spine, wider at the bottom, cut by the dome below.
    widest = 0.30 + 0.10 * np.clip((canvas.y_hw + 0.9) / 1.4, 0, 1)
    egg = 1 - np.sqrt(((x - 0.44) / widest) ** 2 + ((canvas.y_hw + 0.12) / height) ** 2)
    dome = base + 0.55 * (x - 0.40) ** 2 - canvas.y_hw
    depth = np.minimum(egg, 1.4 * dome).astype(np.float32)
    return _Chest(
        depth_nhw=depth,
        lung_nhw=np.clip(depth * 11, 0, 1),
        base=base,
        tilt=rng.uniform(0.25, 0.5, n).astype(np.float32),
        pitch=rng.uniform(0.155, 0.185, n).astype(np.float32),
    )


def _body(rng: np.random.Generator, canvas: Canvas, n: int) -> Floats:
    """Return soft tissue: torso with shoulders, dark air beside the neck."""
    shoulder = rng.uniform(-0.86, -0.74, (n, 1, 1)) + 0.42 * np.clip(
        np.abs(canvas.x_hw) - 0.22, 0, 1
    )
    inside = np.clip((canvas.y_hw - shoulder) * 9, 0, 1)
    neck = np.clip((0.27 - np.abs(canvas.x_hw)) * 9, 0, 1)
    flank = np.clip((rng.uniform(0.97, 1.15, (n, 1, 1)) - np.abs(canvas.x_hw)) * 9, 0, 1)
    tissue = 0.60 + 0.03 * smooth_noise(rng, n, 4, canvas.size_px) + 0.10 * canvas.y_hw
    body: Floats = (np.maximum(inside * flank, neck) * tissue).astype(np.float32)
    return body


def _air(rng: np.random.Generator, canvas: Canvas, chest: _Chest, truth: Truth) -> Floats:
    """Return how much air the lungs hold: vessels, fluid and disease take some of it."""
    n, size = len(truth["edema"]), canvas.size_px
    x_hw, lung_nhw = np.abs(canvas.x_hw), chest.lung_nhw
    hilum = np.exp(-0.5 * (((x_hw - 0.26) / 0.20) ** 2 + ((canvas.y_hw - 0.02) / 0.32) ** 2))
    vessels = np.clip(smooth_noise(rng, n, 14, size), 0, 2) * (0.10 + 0.22 * hilum)
    water = _grade(rng, truth["edema"], 0.22) * (
        (0.35 + hilum) + 0.35 * np.clip(smooth_noise(rng, n, 18, size), -1, 1)
    )
    lost = vessels + 0.18 * hilum + np.clip(water, 0, 1)
    lost += _patches(rng, canvas, truth)
    fluid = _fluid(rng, canvas, chest, truth)
    lost = np.maximum(lost, fluid)
    rim, line = _pneumothorax(rng, canvas, chest, truth)
    # A collapsed lung leaves air without vessels, bounded by a thin line.
    lost = lost * (1 - rim) - 0.35 * rim + 0.55 * line
    thick = np.clip((0.04 + _grade(rng, truth["thickening"], 0.09) - chest.depth_nhw) * 12, 0, 1)
    outer = _one_side(rng, canvas, n) * np.clip((x_hw - 0.42) * 8, 0, 1)
    lost = np.maximum(lost, 0.9 * thick * outer * (truth["thickening"] > 0)[:, None, None])
    air: Floats = (lung_nhw * np.clip(1 - lost, 0, 1.35)).astype(np.float32)
    return air


def _grade(rng: np.random.Generator, grades: Ints, unit: float) -> Floats:
    """Return an extent (n, 1, 1) that grows with the grade; 0 where it is 0."""
    extent: Floats = (unit * grades * rng.uniform(0.8, 1.2, len(grades))).astype(np.float32)
    return extent[:, None, None]


def _one_side(rng: np.random.Generator, canvas: Canvas, n: int) -> Floats:
    side = rng.choice([-1.0, 1.0], (n, 1, 1))
    half: Floats = (canvas.x_hw * side > 0).astype(np.float32)
    return half


def _fluid(rng: np.random.Generator, canvas: Canvas, chest: _Chest, truth: Truth) -> Floats:
    """Return fluid at the bottom of one lung, or of both where there is much of it."""
    grades = truth["effusion"]
    level = chest.base - 0.02 - _grade(rng, grades, 0.15)
    # The surface climbs along the chest wall.
    surface = level - 0.35 * np.clip(np.abs(canvas.x_hw) - 0.42, 0, 1)
    both = (rng.random(len(grades)) < 0.25 * grades)[:, None, None]
    where = np.maximum(_one_side(rng, canvas, len(grades)), both)
    fluid = np.clip((canvas.y_hw - surface) * 7, 0, 1) * where
    shown: Floats = (0.95 * fluid * (grades > 0)[:, None, None]).astype(np.float32)
    return shown


def _pneumothorax(
    rng: np.random.Generator, canvas: Canvas, chest: _Chest, truth: Truth
) -> tuple[Floats, Floats]:
    grades, n = truth["pneumothorax"], len(truth["pneumothorax"])
    gap = 0.05 + _grade(rng, grades, 0.07)
    upper_outer = np.clip((0.35 - canvas.y_hw) * 5, 0, 1) * np.clip(
        (np.abs(canvas.x_hw) - 0.36) * 6 + np.clip(-canvas.y_hw - 0.3, 0, 1) * 4, 0, 1
    )
    where = _one_side(rng, canvas, n) * (grades > 0)[:, None, None] * upper_outer
    rim = np.clip((gap - chest.depth_nhw) * 20, 0, 1) * where
    line = np.exp(-0.5 * ((chest.depth_nhw - gap) / 0.03) ** 2) * where
    return rim.astype(np.float32), line.astype(np.float32)


def _patches(rng: np.random.Generator, canvas: Canvas, truth: Truth) -> Floats:
    """Return what clouds parts of the lungs: haze, nodules, solid and mottled lobes, plates."""
    n, size = len(truth["opacities"]), canvas.size_px
    haze = 0.42 * canvas.ellipses(_in_lungs(rng, truth["opacities"], (5, 9), 1.6), 9.0, n)
    nodules = 0.85 * canvas.ellipses(_in_lungs(rng, truth["nodules"], (1.9, 3.4), 1.2), 1.4, n)
    solid = 0.90 * canvas.ellipses(_in_lungs(rng, truth["consolidations"], (6, 9), 1.6), 3.5, n)
    mottled = canvas.ellipses(_in_lungs(rng, truth["pneumonias"], (5, 8), 1.5), 6.0, n)
    mottled *= np.clip(0.55 + 0.65 * smooth_noise(rng, n, 20, size), 0, 1)
    plates = _in_lungs(rng, truth["plates"], (0.7, 1.0), 1.0)
    flat = Spots(
        owner=plates.owner,
        x=plates.x,
        y=(0.22 + 0.2 * rng.random(len(plates.x))).astype(np.float32),
        radius_x=6.5 * plates.radius_x,
        radius_y=plates.radius_y,
        angle=rng.normal(0, 0.3, len(plates.x)).astype(np.float32),
    )
    lost: Floats = haze + nodules + solid + 0.9 * mottled + 0.75 * canvas.ellipses(flat, 1.0, n)
    return lost


def _in_lungs(
    rng: np.random.Generator, counts: Ints, radii_px: tuple[float, float], stretch: float
) -> Spots:
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    radius, ratio = rng.uniform(*radii_px, total), np.sqrt(rng.uniform(1, stretch, total))
    return Spots(
        owner=owner,
        x=(rng.choice([-1, 1], total) * rng.uniform(0.34, 0.58, total)).astype(np.float32),
        y=rng.uniform(-0.55, 0.25, total).astype(np.float32),
        radius_x=(radius * ratio).astype(np.float32),
        radius_y=(radius / ratio).astype(np.float32),
        angle=rng.uniform(0, np.pi, total).astype(np.float32),
    )


def _bones(rng: np.random.Generator, canvas: Canvas, chest: _Chest, truth: Truth) -> Floats:
    """Return ribs and collar bones; a broken rib has a gap with a bright end beside it."""
    n = len(chest.tilt)
    ribs = canvas.lines([_ribs(chest)], n)
    breaks = _breaks(rng, chest, truth["fractures"])
    gaps = canvas.ellipses(_resized(breaks, 2.1, 0.0), 1.0, n)
    ends = canvas.ellipses(_resized(breaks, 1.3, 0.085), 1.0, n)
    bones: Floats = 0.13 * ribs * (1 - gaps) - 0.10 * gaps + 0.34 * ends
    return bones


def _ribs(chest: _Chest) -> Points:
    n, t = len(chest.tilt), np.linspace(0.14, _CHEST, 40, dtype=np.float32)
    top = -0.72 + chest.pitch[:, None] * np.arange(_RIBS)
    x, y = _on_rib(chest, top[:, :, None], t)
    xy = np.stack([np.stack([x, y], axis=-1), np.stack([-x, y], axis=-1)])
    k = 2 * n * _RIBS * len(t)
    return Points(
        owner=np.tile(np.repeat(np.arange(n), _RIBS * len(t)), 2),
        xy=xy.reshape(-1, 2).astype(np.float32),
        width_px=np.full(k, 0.85, dtype=np.float32),
        weight=np.full(k, 1.0, dtype=np.float32),
    )


def _on_rib(chest: _Chest, top: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Return places at a distance ``t`` from the spine on ribs that start at row ``top``."""
    fall = chest.tilt[:, None, None] * (t - 0.14) ** 1.5
    return np.broadcast_to(t, fall.shape[:1] + top.shape[1:2] + t.shape[-1:]), top + fall


def _breaks(rng: np.random.Generator, chest: _Chest, counts: Ints) -> Spots:
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    rib, far = rng.integers(2, 6, total), rng.uniform(0.45, 0.7, total)
    y = -0.72 + chest.pitch[owner] * rib + chest.tilt[owner] * (far - 0.14) ** 1.5
    ones = np.ones(total, dtype=np.float32)
    return Spots(
        owner=owner,
        x=(far * rng.choice([-1, 1], total)).astype(np.float32),
        y=y.astype(np.float32),
        radius_x=ones,
        radius_y=ones,
        angle=np.zeros(total, dtype=np.float32),
    )


def _resized(spots: Spots, radius_px: float, lower: float) -> Spots:
    return Spots(
        owner=spots.owner,
        x=spots.x * np.float32(1 + lower),
        y=spots.y + np.float32(lower),
        radius_x=spots.radius_x * np.float32(radius_px),
        radius_y=spots.radius_y * np.float32(radius_px),
        angle=spots.angle,
    )


def _middle(rng: np.random.Generator, canvas: Canvas, truth: Truth) -> Floats:
    """Return spine, mediastinum and heart; the ratios are widths over that of the chest."""
    n = len(truth["heart_ratio"])
    half = (_CHEST * truth["mediastinum_ratio"] / 2).astype(np.float32)[:, None, None]
    shift = rng.uniform(-0.02, 0.02, (n, 1, 1))
    bend = half * (1 + 0.25 * np.sin(3.0 * canvas.y_hw + rng.uniform(0, 6.3, (n, 1, 1))))
    column = np.clip((1.8 * bend - np.abs(canvas.x_hw - shift)) * 10, 0, 1)
    width = (_CHEST * truth["heart_ratio"]).astype(np.float32)[:, None, None]
    high = 0.24 + 0.25 * width
    at_x, at_y = 0.13 + 0.25 * (width - 0.4), rng.uniform(0.22, 0.34, (n, 1, 1))
    heart = 1 - np.hypot((canvas.x_hw - at_x) / width, (canvas.y_hw - at_y) / high)
    spine = 0.05 * np.exp(-0.5 * (canvas.x_hw / 0.1) ** 2) * np.cos(2 * np.pi * 5 * canvas.y_hw)
    middle = np.maximum(0.62 * column, 0.66 * np.clip(heart * 9, 0, 1)) * (1 + spine)
    solid: Floats = middle.astype(np.float32)
    return solid


def _tubes(rng: np.random.Generator, truth: Truth) -> Points:
    """Draw catheters and leads that end near the middle of the chest."""
    owner = np.repeat(np.arange(len(truth["devices"])), truth["devices"])
    total, t = len(owner), np.linspace(0, 1, 130)
    side = rng.choice([-1.0, 1.0], (total, 1))
    from_x, from_y = side * rng.uniform(0.0, 0.75, (total, 1)), rng.uniform(-1.0, -0.65, (total, 1))
    to_x, to_y = rng.uniform(-0.12, 0.25, (total, 1)), rng.uniform(-0.15, 0.45, (total, 1))
    x = from_x + (to_x - from_x) * t**0.8 + rng.normal(0, 0.10, (total, 1)) * np.sin(np.pi * t)
    y = from_y + (to_y - from_y) * t**1.4
    k = total * len(t)
    return Points(
        owner=np.repeat(owner, len(t)),
        xy=np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32),
        width_px=np.full(k, 0.5, dtype=np.float32),
        weight=np.full(k, 1.0, dtype=np.float32),
    )


def _boxes(rng: np.random.Generator, canvas: Canvas, truth: Truth) -> Floats:
    """Return the case of a pacemaker below a collar bone where there are three devices."""
    n = len(truth["devices"])
    at_x = rng.choice([-1.0, 1.0], (n, 1, 1)) * rng.uniform(0.52, 0.66, (n, 1, 1))
    at_y = rng.uniform(-0.52, -0.38, (n, 1, 1))
    outside = np.maximum(np.abs(canvas.x_hw - at_x) / 0.13, np.abs(canvas.y_hw - at_y) / 0.11)
    box: Floats = np.clip((1 - outside) * 6, 0, 1) * (truth["devices"] == 3)[:, None, None]
    return box.astype(np.float32)
