"""Where pictures and masks come from: memory-mapped arrays and files on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from trainables.data.picture_kinds import PICTURES, TORCHVISION
from trainables.errors import DatasetError

_MASK_MODES = {"L", "P", "1"}
_JPEG_BEGINS, _JPEG_ENDS = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True)
class ArrayPixels:
    """Pictures in one or more uint8 arrays (n, c, h, w) of one size, c being 1 or 3."""

    chunks_nchw: Sequence[npt.NDArray[np.uint8]]

    stacked = True

    def image(self, row: int) -> torch.Tensor:
        return self.images(np.array([row]))[0]

    def images(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        ends = np.cumsum([len(chunk) for chunk in self.chunks_nchw])
        shape = (len(rows), *self.chunks_nchw[0].shape[1:])
        batch_nchw = np.empty(shape, dtype=np.uint8)
        owner = np.searchsorted(ends, rows, side="right")
        for index in np.unique(owner):
            chunk = self.chunks_nchw[index]
            mine = owner == index
            batch_nchw[mine] = chunk[rows[mine] - (ends[index] - len(chunk))]
        return torch.from_numpy(batch_nchw).expand(-1, 3, -1, -1)


@dataclass(frozen=True)
class FilePixels:
    """Pictures in files, decoded when asked for.

    Args:
        channels: 1 takes the grey value of every picture, 3 its colours.
        mend: see :func:`read_image`.
    """

    paths: Sequence[Path]
    channels: int = 3
    mend: bool = False

    stacked = False

    def image(self, row: int) -> torch.Tensor:
        return read_image(self.paths[row], self.channels, mend=self.mend)

    def images(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        raise TypeError(f"{len(rows)} pictures in files may differ in size: use image()")


@dataclass(frozen=True)
class ArrayMasks:
    """Segmentations in one or more uint8 arrays (n, h, w)."""

    chunks_nhw: Sequence[npt.NDArray[np.uint8]]

    def mask(self, row: int) -> torch.Tensor:
        for chunk in self.chunks_nhw:
            if row < len(chunk):
                # A copy: the array is memory-mapped and read-only.
                return torch.from_numpy(np.array(chunk[row]))
            row -= len(chunk)
        raise IndexError("there is no such row of masks")


@dataclass(frozen=True)
class FileMasks:
    """Segmentations in files; None where a picture has none.

    Args:
        read: decodes a file as uint8 (h, w).
    """

    paths: Sequence[Path | None]
    read: Callable[[Path], torch.Tensor]

    def mask(self, row: int) -> torch.Tensor:
        path = self.paths[row]
        if path is None:
            raise DatasetError(f"the picture in row {row} has no mask")
        return self.read(path)


def read_mask(path: Path) -> torch.Tensor:
    """Read a mask as it is stored: grey levels, 0 and 1, or indices of a palette, uint8 (h, w).

    Raises:
        DatasetError: the file is missing, damaged, or not of one 8-bit channel.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode, mask_hw = image.mode, np.array(image)
    except (OSError, SyntaxError) as error:
        raise DatasetError(f"{path}: cannot be read as a mask ({error})") from error
    if mode not in _MASK_MODES:
        raise DatasetError(f"{path}: a mask has one channel of 8 bits, this file has mode {mode}")
    return torch.from_numpy(mask_hw.astype(np.uint8))


def read_image(path: Path, channels: int = 3, *, mend: bool = False) -> torch.Tensor:
    """Decode a picture as uint8 (3, h, w). Orientation tags are not applied.

    Args:
        channels: 3 for RGB; 1 for the grey value, three times.
        mend: decode a JPEG file that breaks off as far as it goes, the rest is flat; otherwise it
            is damaged.

    Raises:
        DatasetError: the file is missing, damaged, of an unknown kind, or not 8 bits per channel.
    """
    kind = path.suffix.lower()
    if kind not in PICTURES:
        raise DatasetError(f"{path}: pictures of kind '{kind}' are not supported")
    try:
        if kind in TORCHVISION:
            image_chw = _decode(_mended(path) if mend else str(path), channels)
        else:
            image_chw = _decode_with_pillow(path, channels)
    except (OSError, RuntimeError, SyntaxError) as error:
        if not path.exists():
            raise DatasetError(f"{path}: there is no such file") from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"{path}: cannot be read as a picture ({reason})") from error
    if image_chw.dtype != torch.uint8:
        raise DatasetError(f"{path}: has {image_chw.dtype} pixels; convert it to 8 bits")
    return image_chw.expand(3, -1, -1)


def _mended(path: Path) -> torch.Tensor:
    """Return the bytes of a file; those of a JPEG with one more end marker."""
    content = path.read_bytes()
    # The decoder stops at the marker instead of asking for more, as Pillow's does when told to load
    # truncated pictures; after a whole picture it is never reached.
    if content.startswith(_JPEG_BEGINS):
        content += _JPEG_ENDS
    return torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())


def _decode(encoded: str | torch.Tensor, channels: int) -> torch.Tensor:
    from torchvision.io import ImageReadMode, decode_image

    mode = ImageReadMode.GRAY if channels == 1 else ImageReadMode.RGB
    image_chw: torch.Tensor = decode_image(encoded, mode=mode)
    return image_chw


def _decode_with_pillow(path: Path, channels: int) -> torch.Tensor:
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.array(image.convert("L" if channels == 1 else "RGB"))
    return torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1)
