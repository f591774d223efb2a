"""Pixels that lie decoded in a few memory-mapped files.

Axes: c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from trainables.data.artifact_store import load_arrays
from trainables.data.copies import INDEX, PER_SHARD, shard_name


@dataclass(frozen=True)
class CopiedPixels:
    """Pictures of several sizes, one behind the other.

    Args:
        shards: bytes, (h, w, c) of one picture behind the other; mapped when opened.
        place_n: of the picture of every row, among those copied.
        size_pd: h, w of every copied picture.
        start_p: where it begins in its shard.
    """

    shards: Sequence[npt.NDArray[np.uint8]]
    place_n: npt.NDArray[np.int64]
    size_pd: npt.NDArray[np.int64]
    start_p: npt.NDArray[np.int64]
    channels: int

    stacked = False

    @classmethod
    def open(cls, folder: Path, contents: Sequence[str], channels: int) -> CopiedPixels:
        """Map the copies of some pictures.

        Args:
            contents: sha256 (hex) of the file of each row; all of them were copied.
        """
        index = load_arrays(folder / INDEX)
        places = {content.tobytes().hex(): p for p, content in enumerate(index["sha256"])}
        size_pd = index["size_px"].astype(np.int64)
        end_p = np.cumsum(size_pd.prod(axis=1) * channels)
        start_p = np.concatenate([[0], end_p[:-1]])
        first_p = np.arange(len(start_p)) // PER_SHARD * PER_SHARD
        shards = range(-(-len(start_p) // PER_SHARD))
        return cls(
            shards=[np.memmap(folder / shard_name(s), dtype=np.uint8, mode="r") for s in shards],
            place_n=np.array([places[content] for content in contents], dtype=np.int64),
            size_pd=size_pd,
            start_p=start_p - start_p[first_p],
            channels=channels,
        )

    def image(self, row: int) -> torch.Tensor:
        place = int(self.place_n[row])
        h, w = self.size_pd[place].tolist()
        start = int(self.start_p[place])
        flat = self.shards[place // PER_SHARD][start : start + h * w * self.channels]
        # A copy: the file is mapped read-only. Strides are those of a decoded picture.
        image_hwc = torch.from_numpy(np.array(flat)).view(h, w, self.channels)
        return image_hwc.permute(2, 0, 1).expand(3, -1, -1)

    def images(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        raise TypeError(f"{len(rows)} copies may differ in size: use image()")
