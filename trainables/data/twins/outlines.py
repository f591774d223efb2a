"""Filled outlines with soft edges, one per picture of a batch.

Axes: n pictures, h rows, w columns. Places and sizes are in halves of the picture's side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainables.data.twins.canvas import Canvas, Floats

Reals = npt.NDArray[np.floating]

_STEEPNESS = 16
"""Edges are about two pixels of 64 wide."""


def soft(depth: Reals) -> Floats:
    """Return coverage, 0 to 1, from the depth inside an outline; depth is negative outside."""
    inside: Floats = np.clip(0.5 + depth * _STEEPNESS, 0, 1).astype(np.float32)
    return inside


def ellipse(canvas: Canvas, at: tuple[Reals, Reals], radii: tuple[Reals, Reals]) -> Floats:
    """Return the coverage by an upright ellipse on every picture, (n, h, w).

    Args:
        at: column and row of the centres, (n,) each.
        radii: across and down, (n,) each.
    """
    (x, y), (across, down) = at, radii
    dx = (canvas.x_hw - x[:, None, None]) / across[:, None, None]
    dy = (canvas.y_hw - y[:, None, None]) / down[:, None, None]
    return soft((1 - np.hypot(dx, dy)) * np.minimum(across, down)[:, None, None])
