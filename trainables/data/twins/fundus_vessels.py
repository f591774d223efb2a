"""The vessel tree of an eye as dense points along curves, in field coordinates.

Axes: n pictures, v vessels of a kind, p points along a vessel.
"""

from __future__ import annotations

import numpy as np

from trainables.data.twins.canvas import Floats, Ints, Points

# Superior and inferior, each with a vein and a thinner, paler artery.
_UP = np.array([1.0, 1.0, -1.0, -1.0])
_IS_VEIN = np.array([1.0, 0.0, 1.0, 0.0])


def draw_vessels(rng: np.random.Generator, disc_xy: Floats, side: Floats) -> list[Points]:
    """Draw arcades towards the macula, nasal vessels and side branches of the arcades.

    Args:
        disc_xy: (n, 2) centre of the optic disc; side: (n,) +1 where it is on the right.
    """
    arcades = _arcades(rng, disc_xy, side)
    nasal = _nasal(rng, disc_xy, side)
    branches = [_branches(rng, arcades, outward) for outward in (1.0, 1.0, -1.0)]
    return [
        _points(arcades, 1.05, 0.55),
        _points(nasal, 0.80, 0.40),
        *(_points(branch, 0.55, 0.35) for branch in branches),
    ]


def draw_new_vessels(rng: np.random.Generator, disc_xy: Floats, present: Ints) -> Points:
    """Draw tufts of fine curling vessels on the optic disc of some pictures."""
    owner = np.flatnonzero(present)
    count, threads, points = len(owner), 9, 22
    start = rng.uniform(0, 2 * np.pi, (count, threads, 1))
    curl = rng.normal(0, 0.42, (count, threads, points)).cumsum(axis=2)
    heading = start + curl
    step = 0.019
    x = 0.08 * np.cos(start) + step * np.cos(heading).cumsum(axis=2)
    y = 0.08 * np.sin(start) + step * np.sin(heading).cumsum(axis=2)
    xy_nvp2 = np.stack([x, y], axis=-1) + disc_xy[owner][:, None, None, :]
    total = count * threads * points
    return Points(
        owner=np.repeat(owner, threads * points),
        xy=xy_nvp2.reshape(-1, 2).astype(np.float32),
        width_px=np.full(total, 0.5, dtype=np.float32),
        weight=np.full(total, 0.7, dtype=np.float32),
    )


def _arcades(rng: np.random.Generator, disc_xy: Floats, side: Floats) -> Floats:
    n, t = len(side), np.linspace(0, 1, 96)
    height = rng.uniform(0.62, 0.85, (n, 4, 1)) * np.where(_IS_VEIN, 1.0, 0.86)[:, None]
    wobble = rng.uniform(0.01, 0.03, (n, 4, 1)) * np.sin(
        rng.uniform(4, 9, (n, 4, 1)) * t + rng.uniform(0, 6.3, (n, 4, 1))
    )
    x = disc_xy[:, 0, None, None] - side[:, None, None] * rng.uniform(1.1, 1.35, (n, 4, 1)) * t
    y = disc_xy[:, 1, None, None] + _UP[:, None] * (height * np.sqrt(t) * (1 - 0.28 * t) + wobble)
    return np.stack([x, y], axis=-1).astype(np.float32)


def _nasal(rng: np.random.Generator, disc_xy: Floats, side: Floats) -> Floats:
    n, t = len(side), np.linspace(0, 1, 56)
    slope = rng.uniform(0.35, 0.85, (n, 4, 1))
    bend = rng.uniform(-0.12, 0.12, (n, 4, 1)) * np.sin(np.pi * t)
    x = disc_xy[:, 0, None, None] + side[:, None, None] * (rng.uniform(0.4, 0.6, (n, 4, 1)) * t)
    y = disc_xy[:, 1, None, None] + _UP[:, None] * slope * t**0.8 + bend
    return np.stack([x, y], axis=-1).astype(np.float32)


def _branches(rng: np.random.Generator, arcades_nvp2: Floats, outward: float) -> Floats:
    n, vessels = arcades_nvp2.shape[:2]
    t = np.linspace(0, 1, 40)
    origin = rng.integers(16, 66, (n, vessels))
    rows, columns = np.arange(n)[:, None], np.arange(vessels)[None, :]
    start = arcades_nvp2[rows, columns, origin]
    along = arcades_nvp2[rows, columns, origin + 8] - start
    heading = np.arctan2(along[..., 1], along[..., 0])[..., None]
    turn_to = outward * -np.sign(along[..., 0])[..., None] * _UP[:, None]
    turn = turn_to * rng.uniform(0.4, 1.0, (n, vessels, 1)) * (1 - 0.35 * t)
    length = rng.uniform(0.25, 0.5, (n, vessels, 1)) * (1.0 if outward > 0 else 0.75)
    step = length / len(t)
    x = start[..., 0, None] + (step * np.cos(heading + turn)).cumsum(axis=2)
    y = start[..., 1, None] + (step * np.sin(heading + turn)).cumsum(axis=2)
    return np.stack([x, y], axis=-1).astype(np.float32)


def _points(curves_nvp2: Floats, root_px: float, tip_px: float) -> Points:
    n, vessels, points = curves_nvp2.shape[:3]
    taper = np.linspace(root_px, tip_px, points)[None, :]
    vein = np.tile(_IS_VEIN, vessels // 4)[:, None]
    width = taper * np.where(vein, 1.0, 0.72)
    fade = np.linspace(1.0, 0.75, points)[None, :] * np.where(vein, 1.0, 0.7)
    return Points(
        owner=np.repeat(np.arange(n), vessels * points),
        xy=curves_nvp2.reshape(-1, 2),
        width_px=np.tile(width.ravel(), n).astype(np.float32),
        weight=np.tile(fade.ravel(), n).astype(np.float32),
    )
