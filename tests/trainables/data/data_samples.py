"""Small data sets in the layouts that users bring."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

AptosFolder = Callable[..., Path]
Bytes = npt.NDArray[np.uint8]


def idx(array: Bytes) -> bytes:
    return (
        bytes((0, 0, 8, array.ndim))
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


def write_files(folder: Path, train: Bytes, labels: Bytes, test: Bytes, test_labels: Bytes) -> None:
    """Write the four files; the training pictures gzipped, the rest plain."""
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(train)))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(test))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(test_labels))
