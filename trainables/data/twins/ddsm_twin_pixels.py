"""Draw synthetic mammograms, a batch at a time.

Axes: n pictures, c channels (1), h rows, w columns. Sizes are in pixels of a 64 px picture. Breasts
are drawn with the chest wall on the left; half of them are mirrored at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.config import seed_from
from trainables.data.batches import Pictures, Truth, draw_labels, in_batches
from trainables.data.card import Split
from trainables.data.twin import SIZE_PX, TwinParameters
from trainables.data.twins.canvas import Canvas, Floats, Ints, Points, Spots
from trainables.data.twins.light import blur, expose, smooth_noise

_ABNORMAL = 1
_GRAINS = 9
"""Calcifications in a cluster."""


@dataclass(frozen=True)
class _Breast:
    """Outline of a batch: reach to the right, height, and row of the nipple, all (n,)."""

    width: Floats
    height: Floats
    middle: Floats
    depth_nhw: Floats
    """From 0 at the skin to 1 at the middle of the chest wall; negative outside."""


def generate(parameters: TwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    seed = ("ddsm_twin", domain, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = draw_labels(rng, parameters.counts[split], parameters.shares)
    return in_batches(seed, labels, lambda rng, part: _draw(rng, part, parameters.size_px))


def _draw(rng: np.random.Generator, labels: Ints, size_px: int) -> Pictures:
    truth, canvas = _draw_truth(rng, labels), Canvas(size_px, SIZE_PX)
    breast = _outline(rng, canvas, len(labels))
    tissue_nhw = np.maximum(_tissue(rng, canvas, breast, truth), _muscle(rng, canvas, truth))
    tissue_nhw += _findings(rng, canvas, breast, truth)
    light_nhw = tissue_nhw * np.clip(breast.depth_nhw * 9, 0, 1) + _skin_line(breast)
    light_nhw[truth["side"] == 1] = light_nhw[truth["side"] == 1, :, ::-1]
    exposure = rng.uniform(0.85, 1.15, (len(labels), 1, 1)).astype(np.float32)
    light_nchw = blur((light_nhw * exposure)[:, None], 0.35 * canvas.scale)
    return expose(rng, light_nchw, 0.012), truth


def _draw_truth(rng: np.random.Generator, labels: Ints) -> Truth:
    """Draw findings and what hides them; 'oblique' views show the pectoral muscle."""
    n, abnormal = len(labels), labels == _ABNORMAL
    kind = rng.choice(3, n, p=(0.45, 0.35, 0.20))
    return {
        "label": labels,
        "masses": (abnormal & (kind != 1)) * rng.choice((1, 2), n, p=(0.85, 0.15)),
        "clusters": (abnormal & (kind != 0)) * rng.choice((1, 2), n, p=(0.8, 0.2)),
        "density": rng.choice(4, n, p=(0.15, 0.40, 0.30, 0.15)),
        "oblique": rng.integers(0, 2, n),
        "side": rng.integers(0, 2, n),
    }


def _outline(rng: np.random.Generator, canvas: Canvas, n: int) -> _Breast:
    width = rng.uniform(0.95, 1.65, n).astype(np.float32)
    height = rng.uniform(0.74, 1.0, n).astype(np.float32)
    middle = rng.uniform(-0.05, 0.18, n).astype(np.float32)
    # Blunter than an ellipse above the nipple, fuller below it.
    down = (canvas.y_hw - middle[:, None, None]) / height[:, None, None]
    fuller = np.where(down > 0, 2.4, 2.0)
    across = (canvas.x_hw + 1.02) / width[:, None, None]
    reach = np.abs(down) ** fuller + np.maximum(across, 0) ** 2
    depth = 1 - np.sqrt(reach)
    return _Breast(width=width, height=height, middle=middle, depth_nhw=depth.astype(np.float32))


def _tissue(rng: np.random.Generator, canvas: Canvas, breast: _Breast, truth: Truth) -> Floats:
    """Return fat with a fan of glandular tissue behind the nipple, brighter where denser."""
    n, size = len(truth["label"]), canvas.size_px
    dense = truth["density"][:, None, None]
    across = (canvas.x_hw + 1) / breast.width[:, None, None]
    down = (canvas.y_hw - breast.middle[:, None, None]) / breast.height[:, None, None]
    # The fan narrows towards the nipple at across = 1.
    spread = 0.22 + 0.42 * np.clip(1 - across, 0, 1)
    fan = np.exp(-0.5 * (down / spread) ** 2) * np.clip(1.15 - across, 0, 1) ** 0.5
    lobes = sum(smooth_noise(rng, n, cells, size) / 2**k for k, cells in enumerate((5, 10, 20)))
    gland = np.clip(fan * (0.35 + 0.15 * dense) + 0.16 * lobes * (0.4 + 0.2 * dense), 0, 1)
    fat = 0.20 + 0.10 * np.clip(breast.depth_nhw, 0, 1) + 0.02 * smooth_noise(rng, n, 24, size)
    strands = canvas.lines([_strands(rng, breast)], n)
    inner = np.clip(3 * breast.depth_nhw, 0, 1)
    tissue: Floats = (fat + 0.55 * gland * inner + 0.07 * strands).astype(np.float32)
    return tissue


def _strands(rng: np.random.Generator, breast: _Breast) -> Points:
    """Draw ducts and vessels that run towards the nipple."""
    n, lines, t = len(breast.width), 7, np.linspace(0, 1, 60)
    start = breast.middle[:, None, None] + rng.uniform(-0.75, 0.75, (n, lines, 1))
    bend = rng.normal(0, 0.18, (n, lines, 1)) * np.sin(np.pi * t)
    x = -1 + breast.width[:, None, None] * (0.1 + 0.75 * t) + 0 * bend
    y = start + (breast.middle[:, None, None] - start) * t + bend
    k = n * lines * len(t)
    return Points(
        owner=np.repeat(np.arange(n), lines * len(t)),
        xy=np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32),
        width_px=np.full(k, 0.6, dtype=np.float32),
        weight=np.full(k, 0.8, dtype=np.float32),
    )


def _findings(rng: np.random.Generator, canvas: Canvas, breast: _Breast, truth: Truth) -> Floats:
    n = len(truth["label"])
    masses = _place(rng, breast, truth["masses"], (2.4, 5.0))
    core_nhw = canvas.ellipses(masses, 2.0, n)
    clusters = _place(rng, breast, truth["clusters"], (3.0, 4.5))
    grains_nhw = canvas.ellipses(_cluster(rng, clusters, canvas), 0.9, n)
    strength = rng.uniform(0.09, 0.28, (n, 1, 1))
    found: Floats = (
        strength * core_nhw
        + 0.5 * strength * canvas.lines([_spicules(rng, masses, canvas)], n)
        + (strength + 0.10) * grains_nhw
    ).astype(np.float32)
    return found


def _place(
    rng: np.random.Generator, breast: _Breast, counts: Ints, radii_px: tuple[float, float]
) -> Spots:
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    far, turn = 0.68 * np.sqrt(rng.random(total)), rng.uniform(-0.5 * np.pi, 0.5 * np.pi, total)
    radius, ratio = rng.uniform(*radii_px, total), np.sqrt(rng.uniform(1, 1.5, total))
    x = -1 + breast.width[owner] * (0.14 + 0.9 * far * np.cos(turn))
    y = breast.middle[owner] + breast.height[owner] * far * np.sin(turn)
    return Spots(
        owner=owner,
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        radius_x=(radius * ratio).astype(np.float32),
        radius_y=(radius / ratio).astype(np.float32),
        angle=rng.uniform(0, np.pi, total).astype(np.float32),
    )


def _spicules(rng: np.random.Generator, masses: Spots, canvas: Canvas) -> Points:
    """Draw short lines that leave each mass in all directions."""
    lines, t = 9, np.linspace(0.6, 2.0, 12)
    total = len(masses.owner)
    turn = rng.uniform(0, 2 * np.pi, (total, lines, 1))
    reach_px = masses.radius_x[:, None, None] * t * rng.uniform(0.6, 1.0, (total, lines, 1))
    reach = reach_px * canvas.scale / canvas.radius_px
    x = masses.x[:, None, None] + reach * np.cos(turn)
    y = masses.y[:, None, None] + reach * np.sin(turn)
    k = total * lines * len(t)
    return Points(
        owner=np.repeat(masses.owner, lines * len(t)),
        xy=np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32),
        width_px=np.full(k, 0.5, dtype=np.float32),
        weight=np.full(k, 0.7, dtype=np.float32),
    )


def _cluster(rng: np.random.Generator, clusters: Spots, canvas: Canvas) -> Spots:
    """Draw the bright grains of each cluster."""
    owner = np.repeat(clusters.owner, _GRAINS)
    total = len(owner)
    spread = np.repeat(clusters.radius_x, _GRAINS) * canvas.scale / canvas.radius_px
    radius = rng.uniform(0.55, 0.95, total).astype(np.float32)
    return Spots(
        owner=owner,
        x=(np.repeat(clusters.x, _GRAINS) + spread * rng.normal(0, 0.6, total)).astype(np.float32),
        y=(np.repeat(clusters.y, _GRAINS) + spread * rng.normal(0, 0.6, total)).astype(np.float32),
        radius_x=radius,
        radius_y=radius,
        angle=np.zeros(total, dtype=np.float32),
    )


def _muscle(rng: np.random.Generator, canvas: Canvas, truth: Truth) -> Floats:
    """Return the bright wedge in the upper corner of oblique views."""
    n = len(truth["label"])
    wide, high = rng.uniform(0.5, 0.95, (2, n, 1, 1))
    below = (canvas.x_hw + 1) / wide + (canvas.y_hw + 1) / (1.6 * high) - 1
    texture = 0.60 + 0.04 * smooth_noise(rng, n, 10, canvas.size_px)
    wedge: Floats = np.clip(-below * 8, 0, 1) * texture * truth["oblique"][:, None, None]
    return wedge.astype(np.float32)


def _skin_line(breast: _Breast) -> Floats:
    line: Floats = 0.14 * np.exp(-0.5 * ((breast.depth_nhw - 0.02) / 0.018) ** 2)
    return line.astype(np.float32)
