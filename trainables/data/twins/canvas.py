"""A square picture with coordinates of its own, and shapes painted on a batch of it.

Axes: n pictures, c channels, h rows, w columns. Places are in radii of the field (-1 to 1), sizes
in pixels of a picture of the reference size, so that a larger picture shows the same things.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.data.twins.stamping import stamp_ellipses, stamp_points

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Spots:
    """Ellipses of one kind over a batch, one row per ellipse.

    Args:
        owner: index of the picture.
        x, y: centre in radii of the field, from -1 to 1.
        radius_x, radius_y: in pixels; angle: of the first radius, in radians.
    """

    owner: Ints
    x: Floats
    y: Floats
    radius_x: Floats
    radius_y: Floats
    angle: Floats


@dataclass(frozen=True)
class Points:
    """Points of lines: picture (k,), place in radii (k, 2), width in pixels and weight (k,)."""

    owner: Ints
    xy: Floats
    width_px: Floats
    weight: Floats


class Canvas:
    """Coordinates of a square picture.

    Args:
        reference_px: side of the picture that sizes are given for.
        field: radius of the field of view as a share of half the picture.
    """

    def __init__(self, size_px: int, reference_px: int, field: float = 1.0) -> None:
        self.size_px = size_px
        self.scale = size_px / reference_px
        self.radius_px = field * size_px / 2
        self.centre_px = (size_px - 1) / 2
        steps = ((np.arange(size_px) - self.centre_px) / self.radius_px).astype(np.float32)
        self.x_hw, self.y_hw = np.meshgrid(steps, steps)
        self.r_hw = np.hypot(self.x_hw, self.y_hw)

    def empty(self, n: int) -> Floats:
        """Return ``n`` maps of zeros, (n, h, w)."""
        return np.zeros((n, self.size_px, self.size_px), dtype=np.float32)

    def bump(self, xy: Floats, sd: float | Floats) -> Floats:
        """Return a Gaussian at ``xy`` (n, 2), as (n, h, w).

        Args:
            sd: in radii of the field; one for all, or (n, 2) across and down.
        """
        across_sd, down_sd = (sd[:, :1], sd[:, 1:]) if isinstance(sd, np.ndarray) else (sd, sd)
        across = np.exp(-0.5 * ((self.x_hw[0] - xy[:, 0, None]) / across_sd) ** 2)
        down = np.exp(-0.5 * ((self.y_hw[:, 0] - xy[:, 1, None]) / down_sd) ** 2)
        product: Floats = (down[:, :, None] * across[:, None, :]).astype(np.float32)
        return product

    def ellipses(self, spots: Spots, edge_px: float, n: int) -> Floats:
        """Return the coverage by filled ellipses with a soft edge, (n, h, w)."""
        map_nhw = self.empty(n)
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
        """Return the coverage by soft points, which make lines where they are close, (n, h, w)."""
        map_nhw = self.empty(n)
        for part in parts:
            width_px = part.width_px * np.float32(self.scale)
            stamp_points(map_nhw, part.owner, self._place(part.xy), width_px, part.weight)
        return map_nhw

    def _place(self, xy: Floats) -> Floats:
        placed: Floats = (self.centre_px + self.radius_px * xy).astype(np.float32)
        return placed
