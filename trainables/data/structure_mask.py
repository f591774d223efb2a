"""Masks of one structure each, as they are kept in many formats: 255 inside, 0 outside.

Axes: h rows, w columns, c channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainables.errors import DatasetError

if TYPE_CHECKING:
    import torch

INSIDE = 128
"""From this level on a pixel is inside. JPEG files have levels near 0 and 255 too."""

_SINGLE = {"L", "1"}
_SEVERAL = {"RGB", "RGBA", "LA", "P", "CMYK", "YCbCr"}


def read_structure(path: Path) -> torch.Tensor:
    """Return :func:`structure_levels` as a tensor, uint8 (h, w).

    Raises:
        DatasetError: as there.
    """
    import torch

    return torch.from_numpy(structure_levels(path))


def structure_levels(path: Path) -> npt.NDArray[np.uint8]:
    """Read a mask as grey levels (h, w): of several channels the first, as MedVLSM does.

    Raises:
        DatasetError: the file is missing, damaged, not of 8 bits, or has low levels only, as the
            masks of 0 and 1 have that other programs write.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode = image.mode
            if mode not in _SINGLE | _SEVERAL:
                raise DatasetError(f"{path}: has mode {mode}; a mask has 8 bits per channel")
            # Indices of a palette are no levels, and one bit is 0 or 1.
            levels = np.array(image.convert("L" if mode in _SINGLE else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: cannot be read as a mask ({error})") from error
    mask_hw = levels if levels.ndim == 2 else levels[:, :, 0]
    brightest = int(mask_hw.max(initial=0))
    if 0 < brightest < INSIDE:
        raise DatasetError(
            f"{path}: its brightest level is {brightest}, so nothing is inside; in a mask the "
            "structure is 255 and the rest 0. Write 0 and 1 as 0 and 255, and every structure of a "
            "map of labels as a mask of its own"
        )
    return np.ascontiguousarray(mask_hw)
