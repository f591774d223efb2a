"""Pictures and masks of several sets, addressed as those of one.

Axes: n pictures, c channels (always 3), h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch

from trainables.data.image_set import ImageSet


@dataclass(frozen=True)
class _Joined:
    """Finds the item of a set that a row stands for.

    Args:
        parts: sets, whose items follow one another.
    """

    parts: Sequence[ImageSet]

    def _find(self, row: int) -> tuple[ImageSet, int]:
        for part, end in zip(self.parts, accumulate(map(len, self.parts)), strict=True):
            if row < end:
                return part, row - end + len(part)
        raise IndexError(f"there is no row {row}")


@dataclass(frozen=True)
class JoinedPixels(_Joined):
    """Pictures of several sets; stacked where all of them are and have one size."""

    @cached_property
    def stacked(self) -> bool:
        if not all(part.stacked for part in self.parts):
            return False
        return len({part.image(0).shape for part in self.parts}) == 1

    def image(self, row: int) -> torch.Tensor:
        part, index = self._find(row)
        return part.image(index)

    def images(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        batch_nchw = torch.empty(len(rows), *self.image(0).shape, dtype=torch.uint8)
        start = 0
        for part in self.parts:
            mine = np.flatnonzero((rows >= start) & (rows < start + len(part)))
            if len(mine):
                batch_nchw[torch.from_numpy(mine)] = part.images(rows[mine] - start)
            start += len(part)
        return batch_nchw


@dataclass(frozen=True)
class JoinedMasks(_Joined):
    """Masks of several sets."""

    def mask(self, row: int) -> torch.Tensor:
        part, index = self._find(row)
        return part.mask(index)
