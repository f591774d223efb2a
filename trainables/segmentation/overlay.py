"""A picture with the outlines of truth and prediction, as a small PNG.

Axes: h rows, w columns, c channels (3). Truth is a thick blue band and the prediction a thin yellow
line, so that width tells them apart where colour does not, and both are seen where they coincide.
Outlines run outside of what they enclose: small structures stay visible.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import binary_dilation

Bools = npt.NDArray[np.bool_]

SIDE_PX = 256
"""The longer side of the picture, without its margin."""

MAX_BYTES = 30_000
"""Of one picture: a report holds hundreds of them."""

_BAND_PX = 4
_COLOURS = (253, 125, 61, 29, 13, 5)
"""Of the picture, tried in turn until it is small enough; the outlines have three of their own."""

# Okabe and Ito's blue and yellow; black on both sides keeps yellow visible on white.
_BLUE, _YELLOW, _BLACK = (0, 114, 178), (240, 228, 66), (0, 0, 0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CasePicture:
    """A case as it is drawn; sizes may differ, that of ``truth_hw`` counts.

    Args:
        picture_hwc: uint8 RGB.
        truth_hw, prediction_hw: True inside of the structure.
    """

    picture_hwc: npt.NDArray[np.uint8]
    truth_hw: Bools
    prediction_hw: Bools


def overlay_png(case: CasePicture) -> bytes:
    """Return the picture with both outlines as a PNG of at most ``MAX_BYTES``."""
    height, width = case.truth_hw.shape
    scale = SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    truth_hw, prediction_hw = (_sized(m, size) for m in (case.truth_hw, case.prediction_hw))
    picture = Image.fromarray(case.picture_hwc).resize(size, Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (size[0] + 2 * _BAND_PX, size[1] + 2 * _BAND_PX))
    canvas.paste(picture, (_BAND_PX, _BAND_PX))
    for colours in _COLOURS:
        encoded = _encode(canvas, truth_hw, prediction_hw, colours)
        if len(encoded) <= MAX_BYTES:
            break
    return encoded


def outlined_png(picture_hwc: npt.NDArray[np.uint8], mask_hw: Bools) -> bytes:
    """Return a picture in its own size with the outline of one mask, yellow between black, as PNG.

    The line is as wide as it is in :func:`overlay_png` after scaling.
    """
    width_px = max(1, round(max(mask_hw.shape) / SIDE_PX))
    drawn_hwc = picture_hwc.copy()
    drawn_hwc[_ring(mask_hw, 0, 4 * width_px)] = _BLACK
    drawn_hwc[_ring(mask_hw, width_px, 3 * width_px)] = _YELLOW
    file = io.BytesIO()
    Image.fromarray(drawn_hwc).save(file, format="PNG")
    return file.getvalue()


def _sized(mask_hw: Bools, size: tuple[int, int]) -> Bools:
    """Scale a mask and put the margin around it, where outlines at the picture's edge run."""
    resized = Image.fromarray(mask_hw.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.pad(np.asarray(resized) > 127, _BAND_PX)


def _encode(canvas: Image.Image, truth_hw: Bools, prediction_hw: Bools, colours: int) -> bytes:
    """Draw in a palette: the picture's colours are merged, those of the outlines never."""
    # An octree takes a millisecond where a median cut takes 200, for about the same error.
    merged = canvas.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    index_hw = np.array(merged)
    band_hw = _ring(truth_hw, 0, _BAND_PX)
    index_hw[_ring(prediction_hw, 0, _BAND_PX) & ~band_hw] = colours
    index_hw[band_hw] = colours + 1
    index_hw[_ring(prediction_hw, 1, _BAND_PX - 1)] = colours + 2
    palette = (merged.getpalette() or [])[: 3 * colours]
    palette += [0] * (3 * colours - len(palette))
    drawn = Image.frombytes("P", canvas.size, index_hw.tobytes())
    drawn.putpalette([*palette, *_BLACK, *_BLUE, *_YELLOW])
    file = io.BytesIO()
    drawn.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _ring(mask_hw: Bools, start_px: int, stop_px: int) -> Bools:
    """Return what is more than ``start_px`` and at most ``stop_px`` steps outside of a mask."""
    if not mask_hw.any():
        return mask_hw
    inner_hw = binary_dilation(mask_hw, iterations=start_px) if start_px else mask_hw
    outer_hw: Bools = binary_dilation(inner_hw, iterations=stop_px - start_px)
    return outer_hw & ~inner_hw
