"""Pictures and masks at the size of a network, and predictions back at theirs.

Pictures go through Pillow, as in the released code: torchvision's own resizing differs from it by a
grey level in a share of pixels that depends on the processor.

Axes: c channels, h rows, w columns.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from trainables.segmentation.input_transform import InputTransform


def prepare_picture(picture_chw: Tensor, transform: InputTransform) -> Tensor:
    """Return a picture, uint8 (3, h, w), as float32 (3, size_px, size_px)."""
    square_chw = _squashed(picture_chw, transform.size_px)
    mean, std = (torch.tensor(values)[:, None, None] for values in (transform.mean, transform.std))
    return (square_chw.float() / 255 - mean) / std


def shrink_mask(mask_hw: Tensor, size_px: int) -> Tensor:
    """Return a stored mask at the square size of the network, as Pillow resizes it."""
    height, width = mask_hw.shape
    return mask_hw[_sources(height, size_px)][:, _sources(width, size_px)]


def enlarge_prediction(prediction_hw: Tensor, height: int, width: int) -> Tensor:
    """Return a prediction, bool, at the size of the stored mask, by torch's 'nearest-exact'."""
    resized = functional.interpolate(
        prediction_hw[None, None].float(), size=(height, width), mode="nearest-exact"
    )
    return resized[0, 0] > 0


def _sources(size: int, resized: int) -> Tensor:
    """Return the pixel that each pixel of a resized axis takes.

    Pillow adds up the steps from centre to centre; a product would round otherwise where a centre
    falls between two pixels.
    """
    steps = np.full(resized, size / resized)
    steps[0] /= 2
    return torch.from_numpy(np.cumsum(steps).astype(np.int64))


def _squashed(picture_chw: Tensor, size_px: int) -> Tensor:
    image = Image.fromarray(picture_chw.permute(1, 2, 0).contiguous().numpy())
    resized = image.resize((size_px, size_px), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).contiguous()
