"""Draw synthetic fundus photographs, a batch at a time.

Axes: n pictures, c channels, h rows, w columns. Light is float32 reflectance until the camera turns
it into uint8. Places are in radii of the field (-1 to 1), sizes in pixels of a 96 px picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.batches import Pictures, draw_labels, in_batches
from trainables.data.card import Split
from trainables.data.twins.canvas import Canvas, Floats, Ints, Spots
from trainables.data.twins.fundus import SIZE_PX, Camera, FundusParameters
from trainables.data.twins.fundus_lesions import Area, draw_counts, scatter
from trainables.data.twins.fundus_vessels import draw_new_vessels, draw_vessels
from trainables.data.twins.light import blur, expose, glow, shade, smooth_noise

GRADES = 5
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


def generate(parameters: FundusParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a domain and split, and the ground truth they were drawn from."""
    count = parameters.counts[split]
    seed = ("fundus", domain, split)
    shares = parameters.priors.get(domain)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = (
        draw_labels(rng, count, shares) if shares else rng.permutation(np.arange(count) % GRADES)
    )
    return draw_graded(seed, labels, parameters.cameras[domain], parameters.size_px)


def draw_graded(seed: tuple[str, ...], labels: Ints, camera: Camera, size_px: int) -> Pictures:
    """Draw one picture per grade, and tell the lesions it shows.

    Args:
        seed: names what is drawn.
        labels: (n,) grades.
    """

    def draw(rng: np.random.Generator, labels: Ints) -> Pictures:
        counts = draw_counts(rng, labels)
        return draw_batch(rng, camera, counts, size_px), {"label": labels, **counts}

    return in_batches(seed, labels, draw)


def draw_batch(
    rng: np.random.Generator, camera: Camera, counts: dict[str, Ints], size_px: int
) -> npt.NDArray[np.uint8]:
    """Draw one picture per entry of ``counts``, as uint8 (n, 3, size_px, size_px)."""
    canvas = Canvas(size_px, SIZE_PX, _FIELD)
    n = len(counts["microaneurysms"])
    eye = _draw_eye(rng, n)
    light_nchw = np.repeat(_background(rng, canvas, n)[:, None], 3, axis=1)
    shade(light_nchw, canvas.bump(eye.macula_xy, 0.17), _MACULA)
    disc_nhw = canvas.ellipses(_disc(rng, eye), 3.0, n)
    cup_nhw = canvas.bump(eye.disc_xy, 0.07)
    glow(light_nchw, disc_nhw * 0.75 + cup_nhw * 0.35, _DISC)
    vessels = canvas.lines(draw_vessels(rng, eye.disc_xy, eye.side), n)
    shade(light_nchw, vessels * np.float32(camera.vessel), _VESSEL)
    _add_lesions(rng, light_nchw, canvas, eye, counts, camera)
    return _photograph(rng, light_nchw, canvas, camera)


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


def _background(rng: np.random.Generator, canvas: Canvas, n: int) -> Floats:
    """Return retina without anything on it: pigment clouds, fine choroidal grain, exposure."""
    clouds = smooth_noise(rng, n, 5, canvas.size_px) * 0.09
    grain = smooth_noise(rng, n, 26, canvas.size_px) * 0.035
    exposure = rng.uniform(0.54, 0.70, (n, 1, 1))
    return (exposure * (1 + clouds + grain)).astype(np.float32)


def _add_lesions(
    rng: np.random.Generator,
    light_nchw: Floats,
    canvas: Canvas,
    eye: _Eye,
    counts: dict[str, Ints],
    camera: Camera,
) -> None:
    n, contrast = len(eye.side), np.float32(camera.lesion)
    exudates = scatter(
        rng, counts["exudates"], eye.disc_xy, (0.9, 1.7), area=Area(0.38, eye.macula_xy)
    )
    cotton = scatter(rng, counts["cotton_wool"], eye.disc_xy, (2.2, 3.6), aspect=1.6)
    glow(light_nchw, canvas.ellipses(cotton, 3.0, n) * contrast, _COTTON_WOOL)
    glow(light_nchw, canvas.ellipses(exudates, 1.0, n) * contrast, _EXUDATE)
    small = scatter(rng, counts["microaneurysms"], eye.disc_xy, (0.85, 1.2))
    blots = scatter(rng, counts["haemorrhages"], eye.disc_xy, (1.5, 2.8), aspect=1.8)
    pool = scatter(rng, counts["preretinal"], eye.disc_xy, (4.5, 7.5), aspect=1.8, area=Area(0.55))
    blood_nhw = np.maximum(canvas.ellipses(small, 1.0, n), canvas.ellipses(blots, 1.4, n))
    blood_nhw = np.maximum(blood_nhw, canvas.ellipses(pool, 1.5, n))
    threads = draw_new_vessels(rng, eye.disc_xy, counts["new_vessels"])
    blood_nhw = np.maximum(blood_nhw, canvas.lines([threads], n))
    shade(light_nchw, blood_nhw * contrast, _BLOOD)


def _photograph(
    rng: np.random.Generator, light_nchw: Floats, canvas: Canvas, camera: Camera
) -> npt.NDArray[np.uint8]:
    n = len(light_nchw)
    gain = np.array(camera.gain) * rng.normal(1, 0.05, (n, 3))
    light_nchw *= gain[:, :, None, None].astype(np.float32)
    light_nchw *= (1 - camera.vignette * np.minimum(canvas.r_hw, 1) ** 2).astype(np.float32)
    if camera.blur_px:
        light_nchw = blur(light_nchw, camera.blur_px * canvas.scale)
    light_nchw = np.clip(light_nchw, 0, 1) ** np.float32(camera.gamma)
    edge_px = canvas.radius_px * np.minimum(1 - canvas.r_hw, camera.cut - np.abs(canvas.y_hw))
    light_nchw *= np.clip(edge_px + 0.5, 0, 1).astype(np.float32)
    return expose(rng, light_nchw, camera.noise)
