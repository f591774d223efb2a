"""Which parameters of a classifier are trained."""

from __future__ import annotations

from trainables.errors import ConfigError
from trainables.models.backbone import Backbone
from trainables.models.dry_run import dry_features, unreached
from trainables.models.heads import Classifier
from trainables.models.token_head import TokenHead


def freeze_backbone(model: Classifier, unfreeze_from: int | None = None) -> None:
    """Keep the backbone as it is, and in evaluation mode while the head trains.

    Args:
        unfreeze_from: train the backbone's blocks (its
            :meth:`~trainables.models.backbone.Backbone.units`) from this one on, counted from 0,
            all the same. Stem, positions and final norm stay frozen, and so does the mode: no
            stochastic depth, batch norms keep their statistics.

    Raises:
        ConfigError: the backbone has fewer units.
    """
    backbone = model.backbone
    backbone.requires_grad_(False)
    model.still_backbone = True
    if unfreeze_from is not None:
        _unfreeze(backbone, unfreeze_from)


def _unfreeze(backbone: Backbone, first: int) -> None:
    units = backbone.units()
    if first >= len(units):
        raise ConfigError(
            f"unfreeze_from={first}: '{backbone.card.name}' has blocks 0 to {len(units) - 1}"
        )
    for unit in units[first:]:
        unit.requires_grad_(True)


def freeze_unreached(model: Classifier) -> None:
    """Freeze parameters of the backbone that the head's input does not depend on.

    Such as the final norm and the projection of a transformer whose raw tokens are read. They would
    never get a gradient, which is what ranks that train together wait for.
    """
    trained = [p for p in model.backbone.parameters() if p.requires_grad]
    if not trained:
        return
    features = dry_features(model.backbone)
    read = features.tokens_ntd if isinstance(model.head, TokenHead) else features.pooled_nd
    assert read is not None  # create_head() has seen the tokens
    for parameter in unreached(trained, read):
        parameter.requires_grad_(False)
