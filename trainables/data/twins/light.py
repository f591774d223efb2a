"""Textures, pigments and optics that generated pictures share.

Axes: n pictures, c channels, h rows, w columns; light is float32, 1 is full scale.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainables.data.twins.canvas import Floats


def smooth_noise(rng: np.random.Generator, n: int, cells: int, size_px: int) -> Floats:
    """Return smooth random maps (n, size_px, size_px) of about unit variance at the nodes.

    Args:
        cells: bumps along a side; more cells make a finer texture.
    """
    grid = rng.standard_normal((n, cells + 1, cells + 1), dtype=np.float32)
    at = np.linspace(0, cells, size_px, endpoint=False)
    left = at.astype(np.int64)
    # Smoothstep between the nodes hides the grid.
    share = (at - left) ** 2 * (3 - 2 * (at - left))
    share = share.astype(np.float32)
    rows = grid[:, left] * (1 - share)[:, None] + grid[:, left + 1] * share[:, None]
    smooth = rows[:, :, left] * (1 - share) + rows[:, :, left + 1] * share
    return smooth.astype(np.float32)


def shade(light_nchw: Floats, cover_nhw: Floats, strength: tuple[float, ...]) -> None:
    """Multiply light by 1 + strength x coverage, per channel, in place."""
    for channel, amount in enumerate(strength):
        light_nchw[:, channel] *= np.maximum(1 + np.float32(amount) * cover_nhw, 0)


def glow(light_nchw: Floats, cover_nhw: Floats, strength: tuple[float, ...]) -> None:
    """Add strength x coverage to the light, per channel, in place."""
    for channel, amount in enumerate(strength):
        light_nchw[:, channel] += np.float32(amount) * cover_nhw


def cover(light_nchw: Floats, cover_nhw: Floats, colour: npt.ArrayLike) -> None:
    """Lay an opaque colour over the light, in place.

    Args:
        colour: (c,) for all pictures, or (n, c).
    """
    tone = np.atleast_2d(np.asarray(colour, dtype=np.float32))[:, :, None, None]
    light_nchw += cover_nhw[:, None] * (tone - light_nchw)


def blur(light_nchw: Floats, sd_px: float) -> Floats:
    """Return the light after a Gaussian blur."""
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


def expose(rng: np.random.Generator, light_nchw: Floats, noise: float) -> npt.NDArray[np.uint8]:
    """Turn light into uint8 pixels, adding sensor noise in place.

    Args:
        noise: standard deviation, in [0, 1] units.
    """
    light_nchw += noise * rng.standard_normal(light_nchw.shape, dtype=np.float32)
    return np.rint(np.clip(light_nchw, 0, 1) * 255).astype(np.uint8)
