"""Classifiers on top of a backbone.

Axes: n pictures, c channels, h rows, w columns, d width, k classes.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from trainables.models.backbone import Backbone
from trainables.models.seeding import seeded
from trainables.models.token_head import TokenHead


class LinearHead(nn.Linear):
    """One linear layer with PyTorch's default initialisation, drawn from a seed."""

    def __init__(self, dim: int, n_classes: int, seed: int) -> None:
        with seeded(seed):
            super().__init__(dim, n_classes)


class UnitLength(nn.Module):
    """Features scaled to length one."""

    def forward(self, x_nd: Tensor) -> Tensor:
        """Return them."""
        return functional.normalize(x_nd, dim=1)


class Classifier(nn.Module):
    """A backbone and a head that reads its pooled feature or its tokens.

    Args:
        unit_features: what the last linear layer reads is scaled to length one.

    Attributes:
        still_backbone: the backbone stays in evaluation mode when the classifier trains, whichever
            of its parameters do.
    """

    def __init__(
        self, backbone: Backbone, head: LinearHead | TokenHead, unit_features: bool = False
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        # Where a hook finds what the last layer reads, whichever head that is of.
        self.embedding = UnitLength() if unit_features else nn.Identity()
        self.still_backbone = False

    def embed(self, x_nchw: Tensor) -> Tensor:
        """Return what the last linear layer reads, (n, d)."""
        embedding_nd: Tensor = self.embedding(self._feature(x_nchw))
        return embedding_nd

    def _feature(self, x_nchw: Tensor) -> Tensor:
        if isinstance(self.head, TokenHead):
            tokens_ntd = self.backbone.features(x_nchw).tokens_ntd
            assert tokens_ntd is not None  # create_head() has seen them
            return self.head.embed(tokens_ntd)
        pooled_nd: Tensor = self.backbone(x_nchw)
        return pooled_nd

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return the logits, (n, k)."""
        logits_nk: Tensor = self.head(self.embed(x_nchw))
        return logits_nk

    def train(self, mode: bool = True) -> Classifier:
        """Set the mode of all parts but a still backbone."""
        super().train(mode)
        if self.still_backbone:
            self.backbone.eval()
        return self
