"""Which classifier sits on a backbone. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainables.config import BackboneRef
from trainables.errors import ConfigError
from trainables.models.cards import BACKBONE_CARDS
from trainables.models.depth import check_depth

_READER_FAMILY = "deit"


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadConfig:
    """What turns the features of a backbone into logits.

    Args:
        name: 'linear' reads the pooled feature; 'deit' is a whole DeiT that reads the backbone's
            tokens in place of patches (see :mod:`trainables.models.token_head`).
        backbone: the DeiT, and the weights it starts from; of 'deit' only.
        freeze: train only what is new of a 'deit': the projection of tokens and the last layer.
        trim: how many of the first blocks of a 'deit' are left out.
    """

    name: Literal["linear", "deit"] = "linear"
    backbone: BackboneRef | None = None
    freeze: bool = False
    trim: int = 0

    def __post_init__(self) -> None:
        if self.name not in ("linear", "deit"):
            raise ConfigError(f"head.name must be linear or deit, got '{self.name}'")
        if self.name == "deit":
            self._check_reader()
        elif self.backbone is not None or self.freeze or self.trim:
            raise ConfigError(
                "head.backbone, head.freeze and head.trim are of head.name=deit; a linear head "
                "has none of them"
            )

    def _check_reader(self) -> None:
        if self.backbone is None:
            raise ConfigError(
                "head.name=deit needs head.backbone: the DeiT that reads the tokens, such as "
                "deit_b with its weights"
            )
        # A card that does not exist is reported, with those that do, where weights are looked for.
        card = BACKBONE_CARDS.get(self.backbone.card)
        if card is not None and card.family != _READER_FAMILY:
            raise ConfigError(
                f"head.backbone must be a DeiT, got '{card.name}' of family '{card.family}'"
            )
        check_depth("head.trim", self.trim, self.backbone)
