"""Frozen text encoders.

Axes: n texts, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.bert import BertEncoder, load_bert, twin_bert
from trainables.models.text_cards import TextCard, get_text_card
from trainables.models.weights import require_weights

_BATCH = 64


class SentenceEncoder:
    """Text vectors of length one from a frozen BERT in evaluation mode.

    Averaged vectors (``minilm``) hardly see negation or degree: two grades of one disease come out
    nearly equal, so they serve to tell subjects apart, and for grading only below a trained
    projection.
    """

    def __init__(self, card: TextCard, tokenizer: Any, model: BertEncoder) -> None:
        self.card = card
        self.dim = card.dim
        self.model = model.eval().requires_grad_(False)
        self._tokenizer = tokenizer

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return one vector of length one per text, (n, dim), float32 on the CPU."""
        starts = range(0, len(texts), _BATCH)
        parts = [self._encode(texts[start : start + _BATCH]) for start in starts]
        return torch.cat(parts) if parts else torch.empty(0, self.dim)

    def _encode(self, texts: Sequence[str]) -> Tensor:
        return F.normalize(self.model(self.tokens(texts)), dim=-1)

    def tokens(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Return ids, segment ids and mask of texts, padded to the longest, on the CPU."""
        return dict(
            self._tokenizer(
                list(texts),
                padding=True,
                truncation=True,
                max_length=self.card.max_tokens,
                return_tensors="pt",
            )
        )


def create_text_encoder(ref: BackboneRef, locations: Locations) -> SentenceEncoder:
    """Load a frozen text encoder; never uses the network.

    Raises:
        SelectionError: there is no such card.
        WeightsError: the weights are unknown, absent, incomplete, or do not fit the card.
    """
    card = get_text_card(ref.card)
    path = require_weights(ref, locations).path
    found = twin_bert(card) if path is None else load_bert(card, card.source(ref.weights), path)
    return SentenceEncoder(card, *found)
