"""CIFAR-10 and STL-10 from their binary files, in which pictures of one size lie one by one.

Their other releases are pickles, which are not read. The official test part is the test split; of
each class a tenth of the training part is for validation, drawn with seed 42.

Axes: n pictures, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.data.card import DataCard, DataStatus, Split
from trainables.data.splits import held_out_tenth
from trainables.data.unpacked import Unpacked, open_packed, packed_status
from trainables.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from trainables.context import Locations
    from trainables.data.image_set import ImageSet

Read = Callable[[Sequence[Path], int], "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]"]
"""Files of a part, number of classes -> pictures (n, 3, h, w) and labels (n)."""


@dataclass(frozen=True)
class PackedSource:
    """The files as they are, in the data folder.

    Args:
        folder: of the archive; the files may also lie in the set's own folder.
        train, test: files of the two parts.
    """

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    read: Read

    def status(self, card: DataCard, locations: Locations) -> DataStatus:
        """Tell the digest of the files' contents, or where to put them."""
        return packed_status(card, lambda: self._files(card, locations), locations)

    def load(
        self, card: DataCard, split: Split, domains: tuple[str, ...], locations: Locations
    ) -> ImageSet:
        """Open a split, unpacked once into the store."""
        files = self._files(card, locations)

        def unpack() -> Unpacked:
            names = self.test if split == "test" else self.train
            pixels_nchw, label_n = self.read([files[name] for name in names], len(card.classes))
            row_n = _rows(label_n, split)
            return Unpacked(pixels_nchw[row_n], label_n[row_n], row_n)

        content = self.status(card, locations).digest
        return open_packed(card, split, domains[0], content, unpack, locations)

    def _files(self, card: DataCard, locations: Locations) -> dict[str, Path]:
        own, names = locations.data / card.name, (*self.train, *self.test)
        for folder in (own, own / self.folder):
            found = {name: folder / name for name in names if (folder / name).is_file()}
            if len(found) == len(names):
                return found
        raise DatasetError(
            f"data set '{card.name}' is not here. Get {card.how_to_get} ({card.homepage}; "
            f"{card.licence}), and put {', '.join(names)} into {own}"
        )


def _rows(label_n: npt.NDArray[np.int64], split: Split) -> npt.NDArray[np.int64]:
    import numpy as np

    rows = np.arange(len(label_n))
    if split == "test":
        return rows
    is_val = np.isin(rows, list(held_out_tenth(label_n.tolist())))
    return rows[is_val] if split == "val" else rows[~is_val]


def _cifar(
    files: Sequence[Path], classes: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Read records of a label and a picture of 32 x 32, one channel after the other."""
    import numpy as np

    records = [_bytes(path, 1 + 3 * 32 * 32) for path in files]
    for path, record_nb in zip(files, records, strict=True):
        _check_labels(record_nb[:, 0], 0, classes, path)
    together_nb = np.concatenate(records)
    return together_nb[:, 1:].reshape(-1, 3, 32, 32), together_nb[:, 0].astype(np.int64)


def _stl(
    files: Sequence[Path], classes: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Read pictures of 96 x 96, column by column, and labels that count from 1."""
    import numpy as np

    pictures, labels = files
    pixels_ncwh = _bytes(pictures, 3 * 96 * 96).reshape(-1, 3, 96, 96)
    label_n = _bytes(labels, 1)[:, 0]
    _check_labels(label_n, 1, classes, labels)
    if len(label_n) != len(pixels_ncwh):
        raise DatasetError(f"{pictures} has {len(pixels_ncwh)} pictures, {labels} {len(label_n)}")
    return pixels_ncwh.transpose(0, 1, 3, 2), label_n.astype(np.int64) - 1


def _bytes(path: Path, record: int) -> npt.NDArray[np.uint8]:
    """Return a file as rows of so many bytes."""
    import numpy as np

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    if not content or len(content) % record:
        raise DatasetError(f"{path}: {len(content)} bytes are not whole records of {record}")
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, record)


def _check_labels(label_n: npt.NDArray[np.uint8], first: int, classes: int, path: Path) -> None:
    last = first + classes - 1
    if label_n.min() < first or label_n.max() > last:
        wrong = label_n[(label_n < first) | (label_n > last)][0]
        raise DatasetError(f"{path}: labels are from {first} to {last}, one is {wrong}")


SOURCES: Mapping[str, PackedSource] = {
    "cifar10": PackedSource(
        folder="cifar-10-batches-bin",
        train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        test=("test_batch.bin",),
        read=_cifar,
    ),
    "stl10": PackedSource(
        folder="stl10_binary",
        train=("train_X.bin", "train_y.bin"),
        test=("test_X.bin", "test_y.bin"),
        read=_stl,
    ),
}
