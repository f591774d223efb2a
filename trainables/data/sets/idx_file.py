"""Read IDX files, the format of MNIST and its relatives."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainables.errors import DatasetError

_UNSIGNED_BYTES = 0x08


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped if its name ends in ``.gz``.

    Raises:
        DatasetError: it is not such a file, has other dimensions, or is truncated.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    magic = bytes((0, 0, _UNSIGNED_BYTES, dimensions))
    header = 4 + 4 * dimensions
    if content[:4] != magic or len(content) < header:
        raise DatasetError(
            f"{path}: not an IDX file of bytes in {dimensions} dimensions "
            f"(it starts with {content[:4].hex()} instead of {magic.hex()})"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise DatasetError(
            f"{path}: holds {len(content) - header} bytes of data, "
            f"its header promises {math.prod(shape)}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
