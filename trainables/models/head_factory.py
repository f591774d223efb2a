"""From a head's config to a head that fits a backbone."""

from __future__ import annotations

import torch

from trainables.config import seed_from
from trainables.context import Locations
from trainables.errors import ConfigError
from trainables.models.backbone import Backbone
from trainables.models.dry_run import dry_features
from trainables.models.factory import create_backbone
from trainables.models.head_config import HeadConfig
from trainables.models.heads import LinearHead
from trainables.models.token_head import TokenHead, check_grid


def create_head(
    config: HeadConfig,
    backbone: Backbone,
    n_classes: int,
    locations: Locations,
    seed: int,
    replicate: int = 0,
) -> LinearHead | TokenHead:
    """Build a head for a backbone; a DeiT starts from the weights its reference names.

    Args:
        seed: decides everything that is drawn.
        replicate: see :func:`trainables.models.factory.create_backbone`.

    Raises:
        WeightsError: the weights of the head's DeiT are absent or do not fit.
        ConfigError: the backbone has no square grid of tokens.
    """
    new = seed_from(seed, "head")
    if config.backbone is None:
        return LinearHead(backbone.dim, n_classes, seed=new)
    token_dim = _token_dim(backbone)
    reader = create_backbone(
        config.backbone, locations, seed=seed_from(seed, "head_backbone"), replicate=replicate
    )
    return TokenHead(token_dim, reader, n_classes, seed=new, trim=config.trim)


def _token_dim(backbone: Backbone) -> int:
    with torch.no_grad():
        tokens_ntd = dry_features(backbone).tokens_ntd
    if tokens_ntd is None:
        raise ConfigError(f"head.name=deit reads tokens, and '{backbone.card.name}' gives none")
    _, tokens, dim = tokens_ntd.shape
    check_grid(tokens, backbone.card.name)
    return dim
