"""Draw synthetic lymph node tissue in haematoxylin and eosin, a batch at a time.

Axes: n pictures, c channels, h rows, w columns. Sizes are in pixels of a 64 px picture.
"""

from __future__ import annotations

import numpy as np

from trainables.config import seed_from
from trainables.data.batches import Pictures, Truth, draw_labels, in_batches
from trainables.data.card import Split
from trainables.data.twin import SIZE_PX, TwinParameters
from trainables.data.twins.camelyon_twin import CENTRE
from trainables.data.twins.canvas import Canvas, Floats, Ints, Spots
from trainables.data.twins.light import blur, expose, smooth_noise

_TUMOUR = 1

# What one unit of each stain absorbs of red, green and blue (optical density).
_HAEMATOXYLIN = (0.95, 1.10, 0.45)
_EOSIN = (0.09, 0.62, 0.22)


def generate(parameters: TwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    seed = ("camelyon_twin", domain, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = draw_labels(rng, parameters.counts[split], parameters.shares)
    return in_batches(seed, labels, lambda rng, part: _draw(rng, part, parameters.size_px))


def _draw(rng: np.random.Generator, labels: Ints, size_px: int) -> Pictures:
    truth, canvas = _draw_truth(rng, labels), Canvas(size_px, SIZE_PX)
    n = len(labels)
    haematoxylin_nhw, eosin_nhw = _tissue(rng, canvas, truth)
    for name, radii_px, depth in (
        ("stroma", (0.9, 1.3), 0.75),
        ("lymphocytes", (1.3, 1.9), 1.05),
        ("histiocytes", (1.8, 2.9), 0.5),
    ):
        spots = _nuclei(rng, truth[name], (0.0, 1.0), radii_px, 3.2 if name == "stroma" else 1.25)
        haematoxylin_nhw += depth * _grain(rng, canvas, n) * canvas.ellipses(spots, 1.0, n)
    _add_tumour(rng, canvas, truth, haematoxylin_nhw, eosin_nhw)
    light_nchw = _stain(rng, haematoxylin_nhw, eosin_nhw)
    return expose(rng, blur(light_nchw, 0.4 * canvas.scale), 0.015), truth


def _draw_truth(rng: np.random.Generator, labels: Ints) -> Truth:
    """Draw how many nuclei of each kind a patch has; fat is a count of cells without stain."""
    n, tumour = len(labels), labels == _TUMOUR
    lymphoid = rng.random(n) < 0.62
    lymphocytes = np.where(lymphoid, rng.integers(45, 110, n), rng.integers(4, 30, n))
    # Tumour replaces lymphocytes, though never all of them.
    lymphocytes = np.where(tumour, lymphocytes * rng.uniform(0.3, 1.0, n), lymphocytes)
    rim_only = ~tumour & (rng.random(n) < 0.3)
    return {
        "label": labels,
        "tumour_centre": np.where(tumour, rng.integers(1, 6, n), 0),
        "tumour_rim": np.where(tumour, rng.integers(0, 12, n), rim_only * rng.integers(2, 9, n)),
        "lymphocytes": lymphocytes.astype(np.int64),
        "stroma": np.where(lymphoid, rng.integers(0, 6, n), rng.integers(6, 24, n)),
        "histiocytes": rng.integers(0, 13, n),
        "fat": (rng.random(n) < 0.15) * rng.integers(1, 4, n),
    }


def _tissue(rng: np.random.Generator, canvas: Canvas, truth: Truth) -> tuple[Floats, Floats]:
    """Return how much of both stains is in the tissue between the nuclei."""
    n, size = len(truth["label"]), canvas.size_px
    fibres = smooth_noise(rng, n, 4, size) * 0.16 + smooth_noise(rng, n, 12, size) * 0.12
    eosin_nhw = np.maximum(rng.uniform(0.45, 0.85, (n, 1, 1)) * (1 + fibres), 0.05)
    haematoxylin_nhw = 0.10 * (1 + 0.4 * smooth_noise(rng, n, 16, size))
    gaps = np.clip(smooth_noise(rng, n, 7, size) - 1.0, 0, 1)
    fat = canvas.ellipses(_nuclei(rng, truth["fat"], (0.45, 1.1), (8, 14), 1.2), 2.0, n)
    left = (1 - np.maximum(0.8 * gaps, 0.95 * fat)).astype(np.float32)
    return (haematoxylin_nhw * left).astype(np.float32), (eosin_nhw * left).astype(np.float32)


def _add_tumour(
    rng: np.random.Generator,
    canvas: Canvas,
    truth: Truth,
    haematoxylin_nhw: Floats,
    eosin_nhw: Floats,
) -> None:
    """Draw cells with wide pink cytoplasm around large, uneven, paler nuclei with a nucleolus."""
    n = len(truth["label"])
    for name, ring in (("tumour_centre", (0.0, CENTRE)), ("tumour_rim", (CENTRE * 1.35, 1.0))):
        nuclei = _nuclei(rng, truth[name], ring, (2.0, 3.7), 1.7)
        body_nhw = canvas.ellipses(_scaled(nuclei, 1.9), 3.0, n)
        haematoxylin_nhw *= 1 - 0.6 * body_nhw
        eosin_nhw += 0.16 * body_nhw
        haematoxylin_nhw += 0.16 * body_nhw
        chromatin = 0.52 * _grain(rng, canvas, n) * canvas.ellipses(nuclei, 1.2, n)
        haematoxylin_nhw += chromatin + 0.5 * canvas.ellipses(_scaled(nuclei, 0.3), 1.0, n)


def _nuclei(
    rng: np.random.Generator,
    counts: Ints,
    ring: tuple[float, float],
    radii_px: tuple[float, float],
    stretch: float,
) -> Spots:
    """Place nuclei at random in a square ring around the middle.

    Args:
        ring: inner and outer half side; stretch: greatest ratio of the two radii.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    # Squares of one distance from the middle grow with it: hence the root.
    inner, outer = ring
    far = np.sqrt(rng.uniform(inner**2, outer**2, total))
    along, side = rng.uniform(-1, 1, total) * far, far * rng.choice([-1.0, 1.0], total)
    upright = rng.random(total) < 0.5
    radius = rng.uniform(*radii_px, total)
    ratio = np.sqrt(rng.uniform(1, stretch, total))
    return Spots(
        owner=owner,
        x=np.where(upright, along, side).astype(np.float32),
        y=np.where(upright, side, along).astype(np.float32),
        radius_x=(radius * ratio).astype(np.float32),
        radius_y=(radius / ratio).astype(np.float32),
        angle=rng.uniform(0, np.pi, total).astype(np.float32),
    )


def _scaled(spots: Spots, factor: float) -> Spots:
    size = np.float32(factor)
    return Spots(
        owner=spots.owner,
        x=spots.x,
        y=spots.y,
        radius_x=spots.radius_x * size,
        radius_y=spots.radius_y * size,
        angle=spots.angle,
    )


def _grain(rng: np.random.Generator, canvas: Canvas, n: int) -> Floats:
    grain: Floats = 1 + 0.22 * smooth_noise(rng, n, 28, canvas.size_px)
    return grain


def _stain(rng: np.random.Generator, haematoxylin_nhw: Floats, eosin_nhw: Floats) -> Floats:
    """Return the light that passes; stains differ in strength and hue between laboratories."""
    n = len(eosin_nhw)
    density_nchw = np.zeros((n, 3, *eosin_nhw.shape[1:]), dtype=np.float32)
    for stain_nhw, absorbed in ((haematoxylin_nhw, _HAEMATOXYLIN), (eosin_nhw, _EOSIN)):
        hue = np.array(absorbed) * rng.normal(1, 0.07, (n, 3)) * rng.normal(1, 0.12, (n, 1))
        density_nchw += stain_nhw[:, None] * np.abs(hue)[:, :, None, None].astype(np.float32)
    lamp = rng.uniform(0.92, 1.0, (n, 1, 1, 1)).astype(np.float32)
    light: Floats = lamp * np.exp(-density_nchw)
    return light
