"""Image towers that share a space with texts, before and after their projection.

Axes: n pictures, c channels, h rows, w columns, d width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.errors import ConfigError
from trainables.models.backbone import Backbone
from trainables.models.biomed_clip_backbone import BiomedClipBackbone
from trainables.models.open_clip_backbone import OpenClipBackbone


class ClipImages(nn.Module):
    """Pictures as vectors of length one.

    Args:
        backbone: of CLIP's kind; its projection is taken from it.
        projected: vectors are those after the projection; else those before, and it is dropped.
    """

    def __init__(self, backbone: Backbone, projected: bool) -> None:
        super().__init__()
        projection_ed = take_projection(backbone)
        self.backbone = backbone
        self.pooled_dim = backbone.dim
        self.projection_ed = projection_ed if projected else None
        self.dim = projection_ed.shape[1] if projected else backbone.dim

    def pooled(self, x_nchw: Tensor) -> Tensor:
        """Return the normalised class token, of any length, (n, pooled_dim)."""
        pooled_ne: Tensor = self.backbone(x_nchw)
        return pooled_ne

    def unit(self, pooled_ne: Tensor) -> Tensor:
        """Return the vectors, (n, dim), that class tokens become."""
        if self.projection_ed is not None:
            pooled_ne = pooled_ne @ self.projection_ed
        return F.normalize(pooled_ne, dim=-1)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Return the vectors of pictures, (n, dim)."""
        return self.unit(self.pooled(x_nchw))


def take_projection(backbone: Backbone) -> nn.Parameter:
    """Remove the projection of a backbone of CLIP's kind in place, and return it.

    Raises:
        ConfigError: the backbone is of another kind.
    """
    if not isinstance(backbone, OpenClipBackbone | BiomedClipBackbone):
        raise ConfigError(f"'{backbone.card.name}' has no projection into a space of texts")
    return backbone.take_projection()
