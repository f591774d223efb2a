"""Paint many small shapes and lines into a batch of pictures without a loop over them.

Every shape touches a small square only; squares of all shapes are painted in one call. Maps are
float32 (n, h, w) of coverage in [0, 1]; where shapes overlap, the greater coverage stays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def stamp_ellipses(
    map_nhw: Floats,
    owner: Ints,
    centre_px: Floats,
    radii_px: Floats,
    angle: Floats,
    edge_px: float,
) -> None:
    """Paint filled ellipses with a soft edge, in place.

    Args:
        owner: (k,) index of the picture; centre_px: (k, 2) column and row.
        radii_px: (k, 2); angle: (k,) of the first radius, in radians.
        edge_px: width over which coverage falls from 1 to 0.
    """
    if not len(owner):
        return
    reach = int(np.ceil(radii_px.max() + edge_px))
    rows, columns, dx, dy = _squares(centre_px, reach)
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along = (dx * cos + dy * sin) / radii_px[:, 0, None, None]
    across = (dy * cos - dx * sin) / radii_px[:, 1, None, None]
    outside_px = (np.sqrt(along**2 + across**2) - 1) * radii_px.min(axis=1)[:, None, None]
    cover = np.clip(0.5 - outside_px / edge_px, 0, 1).astype(np.float32)
    _paint(map_nhw, owner, rows, columns, cover)


def stamp_points(
    map_nhw: Floats, owner: Ints, centre_px: Floats, width_px: Floats, weight: Floats
) -> None:
    """Paint soft points, in place; close together they make a line.

    Args:
        owner: (k,); centre_px: (k, 2) column and row.
        width_px: (k,) standard deviation; weight: (k,) coverage at the centre.
    """
    if not len(owner):
        return
    reach = int(np.ceil(2.2 * width_px.max()))
    rows, columns, dx, dy = _squares(centre_px, reach)
    falloff = np.exp(-0.5 * (dx**2 + dy**2) / width_px[:, None, None] ** 2)
    _paint(map_nhw, owner, rows, columns, (weight[:, None, None] * falloff).astype(np.float32))


def _squares(centre_px: Floats, reach: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Return pixel rows and columns around each centre and their distance to it."""
    steps = np.arange(-reach, reach + 1)
    nearest = np.rint(centre_px).astype(np.int64)
    columns = (nearest[:, 0, None] + steps)[:, None, :]
    rows = (nearest[:, 1, None] + steps)[:, :, None]
    dx = (columns - centre_px[:, 0, None, None]).astype(np.float32)
    dy = (rows - centre_px[:, 1, None, None]).astype(np.float32)
    return rows, columns, dx, dy


def _paint(map_nhw: Floats, owner: Ints, rows: Ints, columns: Ints, cover: Floats) -> None:
    height, width = map_nhw.shape[1:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & (cover > 0.004)
    flat = (owner[:, None, None] * height + rows) * width + columns
    np.maximum.at(map_nhw.reshape(-1), flat[inside], cover[inside])
