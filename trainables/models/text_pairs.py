"""Which text encoder can be compared with an image tower. No torch here."""

from __future__ import annotations

from trainables.config import BackboneRef
from trainables.errors import ConfigError
from trainables.models.cards import BACKBONE_CARDS
from trainables.models.clip_pairs import has_clip_text, has_projection
from trainables.models.text_cards import TEXT_CARDS


def check_text_pair(backbone: BackboneRef, text: BackboneRef | None) -> None:
    """Make sure that pictures and texts share a space, as far as cards know.

    A card that does not exist is reported where its weights are looked for.

    Args:
        text: a text encoder; None: the text tower in the file of the image tower.

    Raises:
        ConfigError: they do not.
    """
    card = BACKBONE_CARDS.get(backbone.card)
    if card is None:
        return
    if not has_projection(card):
        raise ConfigError(
            f"'{card.name}' shares no space with texts: take a backbone of CLIP's kind"
        )
    if text is None:
        if not has_clip_text(card):
            raise ConfigError(
                f"'{card.name}' brings no text tower of CLIP: name its text encoder in 'text'"
            )
        return
    encoder = TEXT_CARDS.get(text.card)
    if encoder is not None and (encoder.pooling != "projected" or encoder.dim != card.dim):
        raise ConfigError(
            f"texts of '{encoder.name}' are not in the space of pictures of '{card.name}'"
        )
