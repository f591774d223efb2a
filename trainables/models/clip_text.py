"""The text tower of a CLIP card: from sentences to vectors in the space shared with pictures.

Axes: n texts, t tokens, d width.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.errors import ConfigError, WeightsError
from trainables.models.card import TWIN, BackboneCard
from trainables.models.cards import get_backbone_card
from trainables.models.checkpoints import load_strictly
from trainables.models.clip_names import read_pair
from trainables.models.clip_pairs import has_clip_text
from trainables.models.open_clip_backbone import build_clip
from trainables.models.seeding import seeded
from trainables.models.weights import require_weights

_NOT_TEXT = ("visual.", "prompts")
_TEMPERATURE = "logit_scale"  # its logarithm
_OPENAI_TEMPERATURE = 100.0
_STARTING_TEMPERATURE = 1 / 0.07
_BATCH = 256


class ClipText(nn.Module):
    """The causal text transformer of CLIP and the temperature that was trained with it.

    Whatever comes after a sentence's end-of-text token cannot be seen from there, where the vector
    is read; so it is not computed.
    """

    tower: Any  # the library publishes no types

    def __init__(self, card: BackboneCard) -> None:
        super().__init__()
        clip = build_clip(card, card.image_size_px)
        del clip.visual
        self.card = card
        self.tower = clip
        self.context_length: int = clip.context_length
        self.width: int = clip.token_embedding.embedding_dim

    @property
    def temperature(self) -> float:
        """What cosines are multiplied by to make logits."""
        return math.exp(float(self.tower.logit_scale.detach()))

    def token_ids(self, texts: Sequence[str]) -> Tensor:
        """Return the ids of lower-cased texts, (n, context length), zeros behind the end.

        Raises:
            ConfigError: a text is too long; the library would cut it without a word.
        """
        length = self.context_length
        ids_nt: Tensor = open_clip.tokenize(list(texts), context_length=length + 1)
        for text, row_t in zip(texts, ids_nt, strict=True):
            if row_t[length]:
                raise ConfigError(
                    f"'{self.card.name}' reads at most {length} tokens, shorten '{text}'"
                )
        return ids_nt[:, :length].to(self.tower.positional_embedding.device)

    def cut_token_ids(self, texts: Sequence[str]) -> Tensor:
        """Return the ids as :meth:`token_ids` does, with long texts cut as OpenCLIP cuts them."""
        ids_nt: Tensor = open_clip.tokenize(list(texts), context_length=self.context_length)
        return ids_nt.to(self.tower.positional_embedding.device)

    def embed_ids(self, ids_nt: Tensor) -> Tensor:
        """Return the vectors of words, (n, t, width), without their places."""
        embedded_ntd: Tensor = self.tower.token_embedding(ids_nt)
        return embedded_ntd

    def placed(self, x_ntd: Tensor) -> Tensor:
        """Add to each vector that of its place in the sentence.

        Raises:
            ConfigError: there are more vectors than places.
        """
        if x_ntd.shape[1] > self.context_length:
            raise ConfigError(
                f"'{self.card.name}' has {self.context_length} places for words and learned "
                f"vectors, {x_ntd.shape[1]} are needed: lower prompt.tokens"
            )
        placed_ntd: Tensor = x_ntd + self.tower.positional_embedding[: x_ntd.shape[1]]
        return placed_ntd

    def read(self, x_ntd: Tensor, end_n: Tensor) -> Tensor:
        """Run the transformer and return what it makes of one place per text, of any length.

        Args:
            x_ntd: vectors with their places added; t may exceed the context length.
            end_n: index of the place to read, that of end-of-text.
        """
        t = x_ntd.shape[1]
        mask_tt = torch.full((t, t), -torch.inf, device=x_ntd.device, dtype=x_ntd.dtype).triu(1)
        seen_ntd = self.tower.transformer(x_ntd, attn_mask=mask_tt)
        rows_n = torch.arange(len(seen_ntd), device=seen_ntd.device)
        read_nd: Tensor = self.tower.ln_final(seen_ntd[rows_n, end_n]) @ self.tower.text_projection
        return read_nd

    def forward(self, ids_nt: Tensor) -> Tensor:
        """Return the vectors of tokenised texts, (n, d), of any length."""
        end_n = end_of_text(ids_nt)
        shortest = int(end_n.max()) + 1
        return self.read(self.placed(self.embed_ids(ids_nt[:, :shortest])), end_n)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return one vector of length one per text, (n, d)."""
        starts = range(0, len(texts), _BATCH)
        ids = [self.token_ids(texts[start : start + _BATCH]) for start in starts]
        return torch.cat([F.normalize(self(ids_nt), dim=-1) for ids_nt in ids])


def end_of_text(ids_nt: Tensor) -> Tensor:
    """Return the place of each text's end token, which has the largest of all ids."""
    return ids_nt.argmax(dim=-1)


def create_clip_text(ref: BackboneRef, locations: Locations, seed: int) -> ClipText:
    """Build the frozen text tower that belongs to an image tower; never uses the network.

    It is in the same file as the image tower, which is read strictly. A twin's is trained on first
    use and kept in the store, as its image tower is.

    Args:
        seed: decides random weights.

    Raises:
        SelectionError: there is no such card.
        ConfigError: the card's file holds no text tower of CLIP's kind.
        WeightsError: the weights are unknown, absent, or do not fit the architecture.
        StorageError: the store cannot hold the weights of a twin.
    """
    card = get_backbone_card(ref.card)
    if not has_clip_text(card):
        raise ConfigError(f"'{card.name}' brings no text tower of CLIP: name a text encoder")
    status = require_weights(ref, locations)
    with seeded(seed):
        text = ClipText(card)
    path = _text_file(ref, card, status.path, locations)
    if path is not None:
        text_card = dataclasses.replace(card, ignored_keys=_NOT_TEXT)
        load_strictly(text.tower, read_pair(path), text_card, path)
    _check_openai(text.temperature, ref)
    return text.eval().requires_grad_(False)


def clip_temperature(ref: BackboneRef, locations: Locations) -> float:
    """Return what the cosines of an image tower with texts are multiplied by to make logits.

    It is in the file of the pair. Random weights have what training starts from.

    Raises:
        SelectionError, WeightsError, StorageError: as :func:`create_clip_text`; or the file has no
            temperature.
    """
    card = get_backbone_card(ref.card)
    path = _text_file(ref, card, require_weights(ref, locations).path, locations)
    if path is None:
        return _STARTING_TEMPERATURE
    state = read_pair(path)
    if _TEMPERATURE not in state:
        raise WeightsError(f"{path} has no '{_TEMPERATURE}': it is not a pair of two towers")
    temperature = math.exp(float(state[_TEMPERATURE]))
    _check_openai(temperature, ref)
    return temperature


def _text_file(
    ref: BackboneRef, card: BackboneCard, published: Path | None, locations: Locations
) -> Path | None:
    """Return the file that holds what belongs to the text side of a pair; random weights: None."""
    if ref.weights == TWIN and has_clip_text(card):
        from trainables.models.clip_twin_text import twin_text_weights

        return twin_text_weights(card, locations)
    return published


def _check_openai(temperature: float, ref: BackboneRef) -> None:
    """Make sure that OpenAI's weights have the bound that the training of theirs ended at."""
    if ref.weights == "openai" and abs(temperature - _OPENAI_TEMPERATURE) > 0.01:
        raise WeightsError(
            f"weights 'openai' of '{ref.card}': exp(logit_scale) is {temperature:.2f}, "
            f"OpenAI published {_OPENAI_TEMPERATURE:g}. Replace the file by that of: "
            f"{get_backbone_card(ref.card).source('openai').where}"
        )
