"""Draw synthetic fundus photographs, a batch at a time.

Axes: n pictures, c channels, h rows, w columns. Light is float32 reflectance until the camera turns
it into uint8. Places are in radii of the field (-1 to 1), sizes in pixels of a 96 px picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.card import Split
from trainables.data.fundus import SIZE_PX, Camera, FundusParameters
from trainables.data.fundus_lesions import Area, Spots, draw_counts, scatter
from trainables.data.fundus_vessels import Points, draw_new_vessels, draw_vessels
from trainables.data.stamping import stamp_ellipses, stamp_points

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

GRADES = 5
BATCH = 50
_FIELD = 0.95
"""Radius of the field of view as a share of half the picture."""

# How strongly each thing darkens (or, where positive, adds light to) red, green and blue.
_VESSEL = (-0.9, -2.0, -1.5)
_BLOOD = (-0.34, -0.62, -0.46)
_MACULA = (-0.25, -0.45, -0.40)
_DISC = (0.32, 0.70, 0.80)
_EXUDATE = (0.35, 0.80, 0.45)
_COTTON_WOOL = (0.22, 0.50, 0.60)


@dataclass(frozen=True)
class _Eye:
    """Anatomy of a batch: side of the disc (n,), its centre and that of the macula (n, 2)."""

    side: Floats
    disc_xy: Floats
    macula_xy: Floats


def generate(
    parameters: FundusParameters, domain: str, split: Split
) -> tuple[npt.NDArray[np.uint8], dict[str, npt.NDArray[np.int64]]]:
    """Draw all pictures of a domain and split, and the ground truth they were drawn from."""
    count, camera = parameters.counts[split], parameters.cameras[domain]
    labels = _labels(count, parameters.priors.get(domain), _generator(domain, split, "labels"))
    side = parameters.size_px
    pixels_nchw = np.empty((count, 3, side, side), dtype=np.uint8)
    tables = []
    for start in range(0, count, BATCH):
        rng = _generator(domain, split, start)
        here = slice(start, start + BATCH)
        counts = draw_counts(rng, labels[here])
        pixels_nchw[here] = draw_batch(rng, camera, counts, side)
        tables.append({"label": labels[here], **counts})
    table = {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
    return pixels_nchw, table


def draw_batch(
    rng: np.random.Generator, camera: Camera, counts: dict[str, Ints], size_px: int
) -> npt.NDArray[np.uint8]:
    """Draw one picture per entry of ``counts``, as uint8 (n, 3, size_px, size_px)."""
    canvas = _Canvas(size_px)
    n = len(counts["microaneurysms"])
    eye = _draw_eye(rng, n)
    light_nchw = np.repeat(_background(rng, canvas, n)[:, None], 3, axis=1)
    _shade(light_nchw, canvas.bump(eye.macula_xy, 0.17), _MACULA)
    disc_nhw = canvas.ellipses(_disc(rng, eye), edge_px=3.0)
    cup_nhw = canvas.bump(eye.disc_xy, 0.07)
    _glow(light_nchw, disc_nhw * 0.75 + cup_nhw * 0.35, _DISC)
    vessels = canvas.lines(draw_vessels(rng, eye.disc_xy, eye.side), n)
    _shade(light_nchw, vessels * np.float32(camera.vessel), _VESSEL)
    _add_lesions(rng, light_nchw, canvas, eye, counts, camera)
    return _photograph(rng, light_nchw, canvas, camera)


class _Canvas:
    """Coordinates of a square picture, and painting in field coordinates on it."""

    def __init__(self, size_px: int) -> None:
        self.size_px = size_px
        self.scale = size_px / SIZE_PX
        self.radius_px = _FIELD * size_px / 2
        self.centre_px = (size_px - 1) / 2
        steps = ((np.arange(size_px) - self.centre_px) / self.radius_px).astype(np.float32)
        self.x_hw, self.y_hw = np.meshgrid(steps, steps)
        self.r_hw = np.hypot(self.x_hw, self.y_hw)

    def empty(self, n: int) -> Floats:
        return np.zeros((n, self.size_px, self.size_px), dtype=np.float32)

    def bump(self, xy: Floats, sd: float) -> Floats:
        """Return a Gaussian at ``xy`` (n, 2), as (n, h, w)."""
        across = np.exp(-0.5 * ((self.x_hw[0] - xy[:, 0, None]) / sd) ** 2)
        down = np.exp(-0.5 * ((self.y_hw[:, 0] - xy[:, 1, None]) / sd) ** 2)
        product: Floats = (down[:, :, None] * across[:, None, :]).astype(np.float32)
        return product

    def ellipses(self, spots: Spots, edge_px: float, n: int | None = None) -> Floats:
        map_nhw = self.empty(len(spots.owner) if n is None else n)
        stamp_ellipses(
            map_nhw,
            spots.owner,
            self._place(np.stack([spots.x, spots.y], axis=1)),
            np.stack([spots.radius_x, spots.radius_y], axis=1) * np.float32(self.scale),
            spots.angle,
            edge_px * self.scale,
        )
        return map_nhw

    def lines(self, parts: list[Points], n: int) -> Floats:
        map_nhw = self.empty(n)
        for part in parts:
            width_px = part.width_px * np.float32(self.scale)
            stamp_points(map_nhw, part.owner, self._place(part.xy), width_px, part.weight)
        return map_nhw

    def _place(self, xy: Floats) -> Floats:
        placed: Floats = (self.centre_px + self.radius_px * xy).astype(np.float32)
        return placed


def _generator(domain: str, split: Split, part: int | str) -> np.random.Generator:
    return np.random.default_rng(seed_from("fundus", domain, split, part))


def _labels(count: int, prior: tuple[float, ...] | None, rng: np.random.Generator) -> Ints:
    if prior is None:
        return rng.permutation(np.arange(count) % GRADES)
    # Quotas rather than independent draws: rare grades are in every split.
    upper = np.rint(np.cumsum(prior) / np.sum(prior) * count).astype(np.int64)
    return rng.permutation(np.searchsorted(upper, np.arange(count), side="right"))


def _draw_eye(rng: np.random.Generator, n: int) -> _Eye:
    side = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    disc = np.stack([side * rng.uniform(0.42, 0.52, n), rng.uniform(-0.08, 0.08, n)], axis=1)
    macula = np.stack([-side * rng.uniform(0.15, 0.25, n), rng.uniform(-0.02, 0.1, n)], axis=1)
    return _Eye(
        side=side.astype(np.float32),
        disc_xy=disc.astype(np.float32),
        macula_xy=macula.astype(np.float32),
    )


def _disc(rng: np.random.Generator, eye: _Eye) -> Spots:
    n = len(eye.side)
    return Spots(
        owner=np.arange(n),
        x=eye.disc_xy[:, 0],
        y=eye.disc_xy[:, 1],
        radius_x=rng.uniform(6.6, 7.6, n).astype(np.float32),
        radius_y=rng.uniform(7.4, 8.6, n).astype(np.float32),
        angle=rng.normal(0, 0.15, n).astype(np.float32),
    )


def _background(rng: np.random.Generator, canvas: _Canvas, n: int) -> Floats:
    """Return retina without anything on it: pigment clouds, fine choroidal grain, exposure."""
    clouds = _smooth_noise(rng, n, 5, canvas.size_px) * 0.09
    grain = _smooth_noise(rng, n, 26, canvas.size_px) * 0.035
    exposure = rng.uniform(0.54, 0.70, (n, 1, 1))
    return (exposure * (1 + clouds + grain)).astype(np.float32)


def _smooth_noise(rng: np.random.Generator, n: int, cells: int, size_px: int) -> Floats:
    grid = rng.standard_normal((n, cells + 1, cells + 1), dtype=np.float32)
    at = np.linspace(0, cells, size_px, endpoint=False)
    left = at.astype(np.int64)
    # Smoothstep between the nodes hides the grid.
    share = (at - left) ** 2 * (3 - 2 * (at - left))
    share = share.astype(np.float32)
    rows = grid[:, left] * (1 - share)[:, None] + grid[:, left + 1] * share[:, None]
    smooth = rows[:, :, left] * (1 - share) + rows[:, :, left + 1] * share
    return smooth.astype(np.float32)


def _shade(light_nchw: Floats, cover_nhw: Floats, strength: tuple[float, ...]) -> None:
    for channel, amount in enumerate(strength):
        light_nchw[:, channel] *= np.maximum(1 + np.float32(amount) * cover_nhw, 0)


def _glow(light_nchw: Floats, cover_nhw: Floats, strength: tuple[float, ...]) -> None:
    for channel, amount in enumerate(strength):
        light_nchw[:, channel] += np.float32(amount) * cover_nhw


def _add_lesions(
    rng: np.random.Generator,
    light_nchw: Floats,
    canvas: _Canvas,
    eye: _Eye,
    counts: dict[str, Ints],
    camera: Camera,
) -> None:
    n, contrast = len(eye.side), np.float32(camera.lesion)
    exudates = scatter(
        rng, counts["exudates"], eye.disc_xy, (0.9, 1.7), area=Area(0.38, eye.macula_xy)
    )
    cotton = scatter(rng, counts["cotton_wool"], eye.disc_xy, (2.2, 3.6), aspect=1.6)
    _glow(light_nchw, canvas.ellipses(cotton, 3.0, n) * contrast, _COTTON_WOOL)
    _glow(light_nchw, canvas.ellipses(exudates, 1.0, n) * contrast, _EXUDATE)
    small = scatter(rng, counts["microaneurysms"], eye.disc_xy, (0.85, 1.2))
    blots = scatter(rng, counts["haemorrhages"], eye.disc_xy, (1.5, 2.8), aspect=1.8)
    pool = scatter(rng, counts["preretinal"], eye.disc_xy, (4.5, 7.5), aspect=1.8, area=Area(0.55))
    blood_nhw = np.maximum(canvas.ellipses(small, 1.0, n), canvas.ellipses(blots, 1.4, n))
    blood_nhw = np.maximum(blood_nhw, canvas.ellipses(pool, 1.5, n))
    threads = draw_new_vessels(rng, eye.disc_xy, counts["new_vessels"])
    blood_nhw = np.maximum(blood_nhw, canvas.lines([threads], n))
    _shade(light_nchw, blood_nhw * contrast, _BLOOD)


def _photograph(
    rng: np.random.Generator, light_nchw: Floats, canvas: _Canvas, camera: Camera
) -> npt.NDArray[np.uint8]:
    n = len(light_nchw)
    gain = np.array(camera.gain) * rng.normal(1, 0.05, (n, 3))
    light_nchw *= gain[:, :, None, None].astype(np.float32)
    light_nchw *= (1 - camera.vignette * np.minimum(canvas.r_hw, 1) ** 2).astype(np.float32)
    if camera.blur_px:
        light_nchw = _blur(light_nchw, camera.blur_px * canvas.scale)
    light_nchw = np.clip(light_nchw, 0, 1) ** np.float32(camera.gamma)
    edge_px = canvas.radius_px * np.minimum(1 - canvas.r_hw, camera.cut - np.abs(canvas.y_hw))
    light_nchw *= np.clip(edge_px + 0.5, 0, 1).astype(np.float32)
    light_nchw += camera.noise * rng.standard_normal(light_nchw.shape, dtype=np.float32)
    return np.rint(np.clip(light_nchw, 0, 1) * 255).astype(np.uint8)


def _blur(light_nchw: Floats, sd_px: float) -> Floats:
    # Shifted sums instead of a matrix product: the same bytes on any number of threads.
    reach = int(np.ceil(2.5 * sd_px))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sd_px) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (2, 3):
        pad = [(0, 0)] * 4
        pad[axis] = (reach, reach)
        padded = np.pad(light_nchw, pad, mode="edge")
        size = light_nchw.shape[axis]
        light_nchw = np.zeros_like(light_nchw)
        for start, weight in enumerate(weights):
            light_nchw += weight * padded.take(range(start, start + size), axis=axis)
    return light_nchw
