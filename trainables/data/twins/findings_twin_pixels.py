"""Draw the radiographs of the findings twin and the masks of their findings, a batch at a time.

Axes: n pictures, k findings, h rows, w columns. Sizes are in halves of the picture's side; 'side'
is 0 for the left half of the picture, 1 for the right one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.batches import Pictures, in_batches
from trainables.data.card import Split
from trainables.data.twin import SIZE_PX
from trainables.data.twins.canvas import Canvas, Floats, Ints
from trainables.data.twins.findings_prompts import FINDINGS
from trainables.data.twins.findings_twin import FindingsTwinParameters
from trainables.data.twins.light import blur, expose, smooth_noise
from trainables.data.twins.outlines import Reals, ellipse, soft

_Bools = npt.NDArray[np.bool_]

# How bright every finding is; negative takes light away.
_LIGHT = np.array([0.24, 0.36, 0.0, 0.40, 0.16, 0.0, 0.50, 0.46, -0.12, 0.85], dtype=np.float32)


@dataclass(frozen=True)
class _Chest:
    """Anatomy of a batch: lungs (n, 2, h, w) left and right, and all else (n,).

    Args:
        middle: column of the spine; base: row of the lungs' lower end.
        wide: half width of heart and mediastinum.
        lateral: whether it is seen from the side: then both lungs are the one behind the heart.
    """

    lungs_nshw: Floats
    middle: Reals
    base: Reals
    heart: Reals
    mediastinum: Reals
    lateral: _Bools


def generate(parameters: FindingsTwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    seed = ("findings_twin", domain, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    count = parameters.counts[split]
    found_nk = rng.random((count, len(FINDINGS))) < parameters.shares
    # A heart that is too large makes what is around it too wide.
    found_nk[:, FINDINGS.index("enlarged_cardiomediastinum")] |= found_nk[
        :, FINDINGS.index("cardiomegaly")
    ]
    found_nk = found_nk[found_nk.any(axis=1)]
    enough = np.searchsorted(found_nk.sum(axis=1).cumsum(), count) + 1
    labels_nk = found_nk[:enough].astype(np.int64)
    pixels_nchw, truth = in_batches(seed, labels_nk, lambda rng, k: _draw(rng, k, parameters))
    # The last picture may show more findings than there is room for.
    return pixels_nchw[:count], {name: column[:count] for name, column in truth.items()}


def _draw(rng: np.random.Generator, found_nk: Ints, parameters: FindingsTwinParameters) -> Pictures:
    """Draw every picture once, and return it with each of its findings in turn."""
    n, canvas = len(found_nk), Canvas(parameters.size_px, SIZE_PX)
    view = (rng.random(n) < parameters.lateral).astype(np.int64)
    side_nk = rng.integers(2, size=found_nk.shape)
    chest = _anatomy(rng, canvas, found_nk, view == 1)
    covers_nkhw = _findings(rng, canvas, chest, side_nk)
    pixels_nchw = _expose(rng, canvas, chest, covers_nkhw * found_nk[:, :, None, None])
    owner, label = np.nonzero(found_nk)
    masks_nhw = np.where(covers_nkhw[owner, label] > 0.5, 255, 0).astype(np.uint8)
    truth = {
        "label": label,
        "view": view[owner],
        "side": side_nk[owner, label],
        **{name: found_nk[owner, k] for k, name in enumerate(FINDINGS)},
    }
    return pixels_nchw[owner], {**truth, "mask": masks_nhw}


def _anatomy(rng: np.random.Generator, canvas: Canvas, found_nk: Ints, lateral: _Bools) -> _Chest:
    n = len(found_nk)
    found = {name: found_nk[:, k] == 1 for k, name in enumerate(FINDINGS)}
    middle, height = rng.uniform(-0.05, 0.05, n), rng.uniform(0.58, 0.68, n)
    top = rng.uniform(-0.10, -0.02, n)
    away = np.where(lateral, 0.0, rng.uniform(0.42, 0.46, n))
    width = np.where(lateral, 0.55, rng.uniform(0.27, 0.31, n))
    lungs = [ellipse(canvas, (middle + sign * away, top), (width, height)) for sign in (-1.0, 1.0)]
    big, broad = found["cardiomegaly"], found["enlarged_cardiomediastinum"]
    return _Chest(
        lungs_nshw=np.stack(lungs, axis=1),
        middle=middle,
        base=top + height,
        heart=np.where(big, rng.uniform(0.40, 0.46, n), rng.uniform(0.22, 0.27, n)),
        mediastinum=np.where(broad, rng.uniform(0.20, 0.26, n), rng.uniform(0.08, 0.11, n)),
        lateral=lateral,
    )


def _findings(rng: np.random.Generator, canvas: Canvas, chest: _Chest, side_nk: Ints) -> Floats:
    """Return what each finding covers, or would cover, (n, k, h, w)."""
    side = {name: side_nk[:, k] for k, name in enumerate(FINDINGS)}
    heart, column = _heart(canvas, chest), _column(canvas, chest)
    left, right = np.zeros(len(side_nk), dtype=np.int64), np.ones(len(side_nk), dtype=np.int64)
    both = [_spot(rng, canvas, chest, where, (0.34, 0.38)) for where in (left, right)]
    covers = {
        "airspace_opacity": _spot(rng, canvas, chest, side["airspace_opacity"], (0.18, 0.24)),
        "atelectasis": _band(rng, canvas, chest, side["atelectasis"]),
        "cardiomegaly": heart,
        "consolidation": _spot(rng, canvas, chest, side["consolidation"], (0.14, 0.18)),
        "edema": np.maximum(*both),
        "enlarged_cardiomediastinum": np.maximum(heart, column),
        "lung_lesion": _spot(rng, canvas, chest, side["lung_lesion"], (0.08, 0.10)),
        "pleural_effusion": _fluid(rng, canvas, chest, side["pleural_effusion"]),
        "pneumothorax": _free_air(rng, canvas, chest, side["pneumothorax"]),
        "support_devices": _tube(rng, canvas, chest, side["support_devices"]),
    }
    return np.stack([covers[name] for name in FINDINGS], axis=1).astype(np.float32)


def _heart(canvas: Canvas, chest: _Chest) -> Floats:
    radius = chest.heart
    at = chest.middle + 0.25 * radius, chest.base - 0.75 * radius
    return ellipse(canvas, at, (radius * 1.15, radius * 0.85))


def _column(canvas: Canvas, chest: _Chest) -> Floats:
    """Return the mediastinum: a column from the neck down to the diaphragm."""
    half = chest.mediastinum[:, None, None]
    inside = half - np.abs(canvas.x_hw - chest.middle[:, None, None])
    above = np.minimum(chest.base[:, None, None] - canvas.y_hw, canvas.y_hw + 0.62)
    return soft(np.minimum(inside, above))


def _spot(
    rng: np.random.Generator,
    canvas: Canvas,
    chest: _Chest,
    side: Ints,
    radii: tuple[float, float],
) -> Floats:
    """Return a round patch in a lung."""
    n = len(side)
    x = _lung_x(chest, side) + rng.uniform(-0.08, 0.08, n)
    radius = rng.uniform(*radii, n)
    spot = ellipse(canvas, (x, rng.uniform(-0.35, 0.20, n)), (radius, radius))
    inside: Floats = spot * _lung(chest, side)
    return inside


def _band(rng: np.random.Generator, canvas: Canvas, chest: _Chest, side: Ints) -> Floats:
    """Return a flat band across the lower part of a lung."""
    at = chest.base - rng.uniform(0.30, 0.40, len(side))
    inside = soft(0.06 - np.abs(canvas.y_hw - at[:, None, None]))
    band: Floats = inside * _lung(chest, side)
    return band


def _fluid(rng: np.random.Generator, canvas: Canvas, chest: _Chest, side: Ints) -> Floats:
    """Return fluid that stands in the lower end of a lung."""
    level = chest.base - rng.uniform(0.20, 0.35, len(side))
    fluid: Floats = soft(canvas.y_hw - level[:, None, None]) * _lung(chest, side)
    return fluid


def _free_air(rng: np.random.Generator, canvas: Canvas, chest: _Chest, side: Ints) -> Floats:
    """Return air at the outer upper rim of a lung."""
    n = len(side)
    shrunk = ellipse(
        canvas,
        (_lung_x(chest, side) * 0.86, rng.uniform(0.06, 0.12, n)),
        (np.full(n, 0.27), np.full(n, 0.52)),
    )
    above = soft(0.05 - canvas.y_hw)[None]
    air: Floats = _lung(chest, side) * (1 - shrunk) * above
    return air


def _tube(rng: np.random.Generator, canvas: Canvas, chest: _Chest, side: Ints) -> Floats:
    """Return a device beside the shoulder and the line that leads from it to the heart."""
    n, sign = len(side), 2.0 * side - 1
    x, y = sign * rng.uniform(0.56, 0.64, n), rng.uniform(-0.66, -0.58, n)
    box = ellipse(canvas, (x, y), (np.full(n, 0.13), np.full(n, 0.11)))
    # The line bends from the box to the middle of the chest.
    share = np.clip((canvas.y_hw[None] - y[:, None, None]) / 0.8, 0, 1)
    end = chest.middle[:, None, None]
    at = x[:, None, None] + (end - x[:, None, None]) * np.sqrt(share)
    line = soft(0.05 - np.abs(canvas.x_hw - at)) * (share > 0) * (share < 1)
    return np.maximum(box, line).astype(np.float32)


def _lung(chest: _Chest, side: Ints) -> Floats:
    return chest.lungs_nshw[np.arange(len(side)), side]


def _lung_x(chest: _Chest, side: Ints) -> Reals:
    """Return the column of the middle of a lung; from the side, of the half of it."""
    away: Reals = chest.middle + (2 * side - 1) * np.where(chest.lateral, 0.22, 0.44)
    return away


def _expose(
    rng: np.random.Generator, canvas: Canvas, chest: _Chest, shown_nkhw: Floats
) -> npt.NDArray[np.uint8]:
    """Return the pictures as uint8 (n, 1, h, w)."""
    n, size = len(shown_nkhw), canvas.size_px
    body = soft(0.92 - np.abs(canvas.x_hw)) * soft(canvas.y_hw + 0.95)
    light_nhw = 0.50 * body * (1 + 0.06 * smooth_noise(rng, n, 4, size))
    lungs_nhw = chest.lungs_nshw.max(axis=1)
    ribs = 0.03 * np.cos(22 * (canvas.y_hw + 0.25 * np.abs(canvas.x_hw)))
    light_nhw += lungs_nhw * (0.17 + ribs + 0.02 * smooth_noise(rng, n, 14, size) - light_nhw)
    for tissue_nhw in (_column(canvas, chest), _heart(canvas, chest)):
        light_nhw += tissue_nhw * (0.58 - light_nhw)
    light_nhw += (shown_nkhw * _LIGHT[:, None, None]).sum(axis=1)
    light_nchw = blur(light_nhw.astype(np.float32)[:, None], 0.4 * canvas.scale)
    light_nchw *= rng.uniform(0.88, 1.10, (n, 1, 1, 1)).astype(np.float32)
    return expose(rng, light_nchw, 0.015)
