"""Pictures that come as bytes, decoded as files of their kind are."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from torch import Tensor

from trainables.data.pixels import read_image
from trainables.errors import DatasetError

_SUFFIXES = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "WEBP": ".webp",
    "TIFF": ".tif",
    "BMP": ".bmp",
}


def decode_picture(content: bytes, channels: int) -> Tensor:
    """Decode a picture as uint8 (3, h, w), see :func:`trainables.data.pixels.read_image`.

    Raises:
        DatasetError: the bytes are no picture of a kind that can be read.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            kind = image.format or ""
    except (OSError, SyntaxError, ValueError):
        kind = ""
    if kind not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise DatasetError(f"{len(content)} bytes are no picture of a kind that is read: {known}")
    with tempfile.TemporaryDirectory() as folder:
        # Through a file, because what decodes a kind goes by its name.
        path = Path(folder) / f"picture{_SUFFIXES[kind]}"
        path.write_bytes(content)
        return read_image(path, channels)
