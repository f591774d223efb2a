"""Build encoders of BERT's kind from their cards, load published files strictly, make twins.

Axes: n texts, t tokens, d width.
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    MPNetConfig,
    MPNetModel,
    MPNetTokenizer,
)

from trainables.config import seed_from
from trainables.errors import WeightsError
from trainables.models.card import TWIN, WeightsSource
from trainables.models.checkpoints import load_strictly, read_published
from trainables.models.seeding import seeded
from trainables.models.text_cards import TextCard

_SPECIAL = {
    "bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    # Padding must be the second: MPNet counts positions from there.
    "mpnet": ("<s>", "<pad>", "</s>", "[UNK]", "<mask>"),
}
_BERT = "bert."
_TRANSFORMER = "transformer."
# The names that TensorFlow's norms have in files converted early on.
_RENAMED = {".gamma": ".weight", ".beta": ".bias"}


class BertEncoder(nn.Module):
    """A BERT and what makes a vector of a text out of its last layer."""

    def __init__(self, card: TextCard, vocabulary_size: int | None = None) -> None:
        super().__init__()
        sizes = dict(card.bert)
        if vocabulary_size is not None:
            sizes["vocab_size"] = vocabulary_size
        self.card = card
        self.transformer: Any = _transformer(card, sizes)
        self.proj = _projection(self.transformer.config.hidden_size, card.projection)

    def forward(self, tokens: dict[str, Tensor]) -> Tensor:
        """Return the vectors, (n, dim), of any length, of what a tokenizer gives."""
        return self.pool(self.transformer(**tokens), tokens["attention_mask"])

    def pool(self, output: Any, mask_nt: Tensor) -> Tensor:
        """Return the vectors, (n, dim), given what the BERT makes of the tokens.

        Args:
            mask_nt: 1 where there is a token, 0 where there is padding.
        """
        if self.card.pooling == "pooler":
            pooled_nd: Tensor = output.pooler_output
            return pooled_nd
        last_ntd: Tensor = output.last_hidden_state
        if self.card.pooling == "projected":
            projected_nd: Tensor = self.proj(last_ntd[:, 0])
            return projected_nd
        real_nt1 = mask_nt.unsqueeze(-1).to(last_ntd.dtype)
        return (last_ntd * real_nt1).sum(dim=1) / real_nt1.sum(dim=1)


def _transformer(card: TextCard, sizes: dict[str, Any]) -> Any:
    pooler = card.pooling == "pooler"
    if card.family == "mpnet":
        return MPNetModel(MPNetConfig(**sizes), add_pooling_layer=pooler)
    return BertModel(BertConfig(**sizes), add_pooling_layer=pooler)


def _tokenizer(card: TextCard, vocabulary: str | dict[str, int]) -> Any:
    kind = MPNetTokenizer if card.family == "mpnet" else BertTokenizer
    return kind(vocab=vocabulary, do_lower_case=card.lowercase)


def _projection(width: int, widths: tuple[int, ...]) -> nn.Module:
    if not widths:
        return nn.Identity()
    inner, outer = widths
    return nn.Sequential(
        nn.Linear(width, inner, bias=False), nn.GELU(), nn.Linear(inner, outer, bias=False)
    )


def load_bert(card: TextCard, source: WeightsSource, path: Path) -> tuple[Any, BertEncoder]:
    """Return (tokenizer, encoder) of published weights and the word list beside them.

    Raises:
        WeightsError: the file does not fit the card; one without the pooler that makes the vectors
            is refused, where the library would draw a random one.
    """
    encoder = BertEncoder(card)
    state = {_own_name(name): tensor for name, tensor in read_published(path, source).items()}
    if card.pooling == "pooler" and "transformer.pooler.dense.weight" not in state:
        raise WeightsError(
            f"{path} has no pooler (pooler.dense.weight), and the vectors of '{card.name}' are "
            f"what the pooler gives. Replace it by the file of: {source.where}"
        )
    load_strictly(encoder, state, card, path)
    return _tokenizer(card, str(path.parent / "vocab.txt")), encoder


def _own_name(name: str) -> str:
    """Return the encoder's name of a published tensor, from a bare BERT or one with a head."""
    for old, new in _RENAMED.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    inside = name.removeprefix(_BERT)
    if inside.startswith(("embeddings.", "encoder.", "pooler.")):
        return _TRANSFORMER + inside
    return inside


def twin_bert(card: TextCard) -> tuple[Any, BertEncoder]:
    """Return (tokenizer, encoder) of a twin: it spells, and its weights are drawn from its name.

    Different texts get clearly different vectors, which mean nothing.
    """
    characters = string.ascii_letters + string.digits + string.punctuation
    if card.lowercase:
        characters = "".join(c for c in characters if not c.isupper())
    words = (*_SPECIAL[card.family], *characters, *(f"##{character}" for character in characters))
    vocabulary = {word: index for index, word in enumerate(words)}
    with seeded(seed_from(TWIN, card.name)):
        encoder = BertEncoder(card, vocabulary_size=len(vocabulary))
    return _tokenizer(card, vocabulary), encoder
