"""Losses of masks, each a mean over cases.

With p the probability of a pixel, y in [0, 1] its target and sums over the pixels of a plane, soft
Dice is D = 1 - (2 sum(p y) + e) / (sum p + sum y + e), e = 1e-5.

* ``dice_ce``: D, plus the cross-entropy of a softmax over channels of p. With one channel that is 0
  whatever the network says, so the published trainings, which asked for both, minimised Dice alone
  (MONAI 1.1.0, which they pin).
* ``dice_ce_logits``: how MONAI from 1.3.0 on reads the same words: with one channel, the binary
  cross-entropy with p taken for a logit.
* ``dice_bce``: D and the binary cross-entropy of p; what the words seem to mean.
* ``tuned_dice``: per case the mean of D over the channels whose structure is there.

Where channels exclude each other p is a softmax over them, and the cross-entropy of ``dice_bce`` is
that of the softmax.

Axes: n cases, k channels, h rows, w columns.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from trainables.segmentation.channels import probabilities
from trainables.segmentation.config import EmptyRule, LossConfig

_SMOOTH = 1e-5
_FOREGROUND = 0.5


def case_losses(
    logits_nkhw: Tensor, target_nkhw: Tensor, config: LossConfig, *, exclusive: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the loss of every case, and 1 for cases that count in the mean, else 0; both (n).

    Args:
        exclusive: a pixel belongs to one channel only.
    """
    # Sums over a plane overflow in half precision.
    logits_nkhw = logits_nkhw.float()
    prob_nkhw = probabilities(logits_nkhw, exclusive=exclusive)
    if config.name == "tuned_dice":
        return tuned_dice(prob_nkhw, target_nkhw, config.empty)
    loss_n = config.lambda_dice * soft_dice(prob_nkhw, target_nkhw).mean(dim=1)
    if config.name == "dice_bce" and exclusive:
        entropy_n = _softmax_entropy(logits_nkhw, target_nkhw)
    elif config.name == "dice_bce":
        entropy_n = _binary_entropy(logits_nkhw, target_nkhw)
    elif config.name == "dice_ce_logits" and prob_nkhw.shape[1] == 1:
        entropy_n = _binary_entropy(prob_nkhw, target_nkhw)
    else:
        entropy_n = channel_entropy(prob_nkhw, target_nkhw)
    return loss_n + config.lambda_ce * entropy_n, torch.ones_like(loss_n)


def counted_cases(target_nkhw: Tensor, config: LossConfig) -> Tensor:
    """Return 1 for cases that :func:`case_losses` counts in the mean, else 0; (n)."""
    if config.name != "tuned_dice" or config.empty == "nan":
        return target_nkhw.new_ones(len(target_nkhw))
    return (_shown(target_nkhw, config.empty).sum(dim=1) > 0).float()


def mean_loss(loss_n: Tensor, counted_n: Tensor) -> Tensor:
    """Return the mean over the cases that count; 0, without a gradient, if none does."""
    return (loss_n * counted_n).sum() / counted_n.sum().clamp(min=1)


def soft_dice(prob_nkhw: Tensor, target_nkhw: Tensor) -> Tensor:
    """Return D of every plane, (n, k)."""
    overlap_nk = (prob_nkhw * target_nkhw).sum(dim=(2, 3))
    total_nk = prob_nkhw.sum(dim=(2, 3)) + target_nkhw.sum(dim=(2, 3))
    return 1 - (2 * overlap_nk + _SMOOTH) / (total_nk + _SMOOTH)


def channel_entropy(prob_nkhw: Tensor, target_nkhw: Tensor) -> Tensor:
    """Return each case's mean cross-entropy of a softmax over channels of p, (n)."""
    if prob_nkhw.shape[1] == 1:
        return prob_nkhw.new_zeros(len(prob_nkhw))
    return _softmax_entropy(prob_nkhw, target_nkhw)


def tuned_dice(prob_nkhw: Tensor, target_nkhw: Tensor, empty: EmptyRule) -> tuple[Tensor, Tensor]:
    """Return each case's mean of D over the planes that show something, and whether it counts.

    Args:
        empty: what is made of cases without any such plane, see :class:`LossConfig`.
    """
    shown_nk = _shown(target_nkhw, empty)
    shown_n = shown_nk.sum(dim=1)
    dice_n = (soft_dice(prob_nkhw, target_nkhw) * shown_nk).sum(dim=1)
    if empty == "nan":
        return dice_n / shown_n, torch.ones_like(dice_n)
    return dice_n / shown_n.clamp(min=1), (shown_n > 0).float()


def _shown(target_nkhw: Tensor, empty: EmptyRule) -> Tensor:
    """Return 1 for planes that show something, (n, k)."""
    highest_nk = target_nkhw.amax(dim=(2, 3))
    return (highest_nk == 1 if empty == "nan" else highest_nk >= _FOREGROUND).float()


def _softmax_entropy(logits_nkhw: Tensor, target_nkhw: Tensor) -> Tensor:
    """Return each case's mean cross-entropy of a softmax over channels, (n)."""
    entropy_nhw = -(target_nkhw * logits_nkhw.log_softmax(dim=1)).sum(dim=1)
    return entropy_nhw.mean(dim=(1, 2))


def _binary_entropy(logits_nkhw: Tensor, target_nkhw: Tensor) -> Tensor:
    """Return each case's mean binary cross-entropy, (n)."""
    entropy_nkhw = functional.softplus(logits_nkhw) - target_nkhw * logits_nkhw
    return entropy_nkhw.mean(dim=(1, 2, 3))
