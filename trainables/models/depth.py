"""How deep the network is that a reference means, known without building it. No torch here."""

from __future__ import annotations

from trainables.config import BackboneRef
from trainables.errors import ConfigError
from trainables.models.cards import BACKBONE_CARDS


def known_depth(ref: BackboneRef) -> int | None:
    """Return the blocks (or stages) of a backbone; None where the card does not count them.

    A card that does not exist counts none: it is reported where its weights are looked for.
    """
    card = BACKBONE_CARDS.get(ref.card)
    if card is None or not card.output_blocks:
        return None
    return card.output_blocks if ref.output_block is None else ref.output_block + 1


def check_depth(key: str, block: int, ref: BackboneRef) -> None:
    """Make sure that a config's key names a block of a backbone, as far as its card knows.

    Raises:
        ConfigError: it does not.
    """
    depth = known_depth(ref)
    if depth is None and block < 0:
        raise ConfigError(f"{key} must be >= 0, got {block}")
    if depth is not None and not 0 <= block < depth:
        raise ConfigError(f"{key} must be 0 to {depth - 1} with '{ref.card}', got {block}")
