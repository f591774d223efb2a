"""How well masks agree, case by case.

Dice is 2 sum(q y) / (sum q + sum y) and IoU is sum(q y) / (sum q + sum y - sum(q y)), with q the
prediction, 0 or 1, and y the target in [0, 1]. Where both are empty both are 1.

Axes: n cases, k channels, h rows, w columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

TRUTH_ABOVE = 127
"""A pixel of a stored mask is foreground if it is brighter than this."""


def overlap_scores(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return Dice and IoU over the last two axes, float64.

    Args:
        prediction: bool (..., h, w).
        target: of the same shape, in [0, 1]; soft values count as they are.
    """
    chosen, wanted = prediction.double(), target.double()
    overlap = (chosen * wanted).sum(dim=(-2, -1))
    total = chosen.sum(dim=(-2, -1)) + wanted.sum(dim=(-2, -1))
    both_empty = total == 0
    one = torch.ones_like(total)
    dice = torch.where(both_empty, one, 2 * overlap / total.where(~both_empty, one))
    iou = torch.where(both_empty, one, overlap / (total - overlap).where(~both_empty, one))
    return dice, iou


def stored_scores(prediction_hw: Tensor, stored_hw: Tensor) -> dict[str, float]:
    """Return the scores of a prediction, bool, at the resolution of a stored mask, uint8.

    ``dice`` and ``iou`` are against what is brighter than 127. ``dice_files`` and ``iou_files`` are
    as the first release of the paper's code scores files: all that is not 0 is foreground, which
    differs where masks are JPEG.
    """
    dice, iou = overlap_scores(prediction_hw, stored_hw > TRUTH_ABOVE)
    dice_files, iou_files = overlap_scores(prediction_hw, stored_hw > 0)
    return {
        "dice": float(dice),
        "iou": float(iou),
        "dice_files": float(dice_files),
        "iou_files": float(iou_files),
    }
