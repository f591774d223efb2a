"""Fashion-MNIST from its four IDX files; 28 px, grey, handed out with three equal channels.

The official test part is the test split. Validation is the last 10,000 of the 60,000 training
pictures in an order shuffled once with a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.config import seed_from
from trainables.data.card import DataCard, DataStatus, Split
from trainables.data.unpacked import Unpacked, open_packed, packed_status
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.context import Locations
    from trainables.data.image_set import ImageSet

SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package dataset-fashion-mnist puts the files."""

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_VALIDATION = 10_000


@dataclass(frozen=True)
class FashionMnistSource:
    """The files as they are, in the data folder or from the system package."""

    system_folder: Path = SYSTEM_FOLDER

    def status(self, card: DataCard, locations: Locations) -> DataStatus:
        """Tell the digest of the four files' contents, or where to put them."""
        return packed_status(card, lambda: self._files(card, locations), locations)

    def load(
        self, card: DataCard, split: Split, domains: tuple[str, ...], locations: Locations
    ) -> ImageSet:
        """Open a split, unpacked once into the store."""
        files = self._files(card, locations)
        content = self.status(card, locations).digest
        return open_packed(
            card, split, domains[0], content, lambda: _unpack(files, split), locations
        )

    def _files(self, card: DataCard, locations: Locations) -> dict[str, Path]:
        own = locations.data / card.name
        for folder in (own, self.system_folder):
            found = {
                name: path
                for name in _FILES
                for path in (folder / f"{name}.gz", folder / name)
                if path.is_file()
            }
            if len(found) == len(_FILES):
                return found
        raise DatasetError(
            f"data set '{card.name}' is not here. Install the Debian package "
            f"dataset-fashion-mnist, or put {', '.join(_FILES)} (gzipped or not) into {own}."
        )


SOURCE = FashionMnistSource()


def _unpack(files: dict[str, Path], split: Split) -> Unpacked:
    import numpy as np

    from trainables.data.sets.idx_file import read_idx

    images, labels = _FILES[2:] if split == "test" else _FILES[:2]
    pixels_nhw, label_n = read_idx(files[images], 3), read_idx(files[labels], 1)
    if len(pixels_nhw) != len(label_n):
        raise DatasetError(
            f"{files[images]} has {len(pixels_nhw)} pictures, {files[labels]} {len(label_n)} labels"
        )
    rows = np.arange(len(label_n))
    if split != "test":
        order = np.random.default_rng(seed_from("fashion_mnist", "val")).permutation(len(label_n))
        rows = np.sort(order[-_VALIDATION:] if split == "val" else order[:-_VALIDATION])
    return Unpacked(pixels_nhw[rows, None], label_n[rows].astype(np.int64), rows)
