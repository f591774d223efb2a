"""Losses per picture, averaged over the pictures: cross-entropy, focal, ordinal smoothing.

Legend: n pictures, k classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.errors import ConfigError
from trainables.generalisation.config import LossConfig


class PictureLoss(nn.Module):
    """The mean loss that a config names.

    Raises:
        ConfigError: there is not one weight per class.
    """

    weight_k: Tensor
    targets_kk: Tensor

    def __init__(self, config: LossConfig, classes: int) -> None:
        super().__init__()
        if config.class_weights and len(config.class_weights) != classes:
            raise ConfigError(
                f"loss.class_weights has {len(config.class_weights)} numbers for {classes} classes"
            )
        self.gamma = config.focal_gamma if config.name == "focal" else 0.0
        smoothed = config.name == "ordinal_smoothing"
        targets_kk = (
            ordinal_targets(classes, config.smoothing_sd) if smoothed else torch.eye(classes)
        )
        weight_k = torch.tensor(config.class_weights or (1.0,) * classes)
        # Not in the state: they follow from the config.
        self.register_buffer("targets_kk", targets_kk, persistent=False)
        self.register_buffer("weight_k", weight_k, persistent=False)

    def forward(self, logits_nk: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of pictures with class numbers ``labels`` (n)."""
        loss_n = functional.cross_entropy(logits_nk, self.targets_kk[labels], reduction="none")
        if self.gamma > 0:
            probability_n = logits_nk.float().softmax(dim=1).gather(1, labels[:, None])[:, 0]
            loss_n = (1 - probability_n) ** self.gamma * loss_n
        return (self.weight_k[labels] * loss_n).mean()


def ordinal_targets(classes: int, sd: float) -> Tensor:
    """Return one distribution per class, a normal density of distances scaled to sum to 1."""
    place_k = torch.arange(classes, dtype=torch.float64)
    apart_kk = place_k[:, None] - place_k
    return torch.softmax(-(apart_kk**2) / (2 * sd**2), dim=1).float()
