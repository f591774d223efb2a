"""Classifiers on top of a backbone.

Axes: n pictures, c channels, h rows, w columns, d width, k classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from trainables.models.backbone import Backbone
from trainables.models.seeding import seeded


class LinearHead(nn.Linear):
    """One linear layer with PyTorch's default initialisation, drawn from a seed."""

    def __init__(self, dim: int, n_classes: int, seed: int) -> None:
        with seeded(seed):
            super().__init__(dim, n_classes)


class Classifier(nn.Module):
    """A backbone and a head that reads its pooled feature."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return the logits, (n, k)."""
        logits_nk: Tensor = self.head(self.backbone(x_nchw))
        return logits_nk
