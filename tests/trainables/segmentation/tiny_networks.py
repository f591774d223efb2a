"""Networks of a few thousand parameters that take the place of the real ones, and their trials."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables import segment
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.engine.config import OptimizerConfig
from trainables.models.segmenter_cards import SegmenterCard, get_segmenter_card
from trainables.models.segmenter_options import SegmenterOptions
from trainables.models.segmenters.segmenter import DecodingSegmenter, Segmenter, TextTokens
from trainables.segmentation.config import PromptConfig

PATCH, WIDTH, WORDS = 4, 16, 64
DATA = DataRef(name="kvasir_polyp_twin", limit=12)
FROZEN = BackboneRef(card="clipseg_twin", weights="twin")


def tokenize(texts: Sequence[str]) -> TextTokens:
    """Number words by their checksum; 0 is padding."""
    rows = [[1 + zlib.crc32(word.encode()) % (WORDS - 1) for word in t.split()] for t in texts]
    ids_nl = torch.zeros(len(rows), max(1, *map(len, rows)), dtype=torch.int64)
    for row, ids in enumerate(rows):
        ids_nl[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
    return TextTokens(ids_nl=ids_nl, mask_nl=(ids_nl > 0).long())


def bag(table: nn.Embedding, tokens: TextTokens) -> Tensor:
    return (table(tokens.ids_nl) * tokens.mask_nl[..., None]).sum(dim=1)


class TinyDecoding(DecodingSegmenter):
    """Frozen patches and words; a decoder that the text modulates.

    Args:
        dropout: of the frozen text encoder.
    """

    def __init__(self, card: SegmenterCard, dropout: float = 0.0) -> None:
        super().__init__(card)
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH).requires_grad_(False)
        self.words = nn.Embedding(WORDS, WIDTH).requires_grad_(False)
        self.dropout = nn.Dropout(dropout)
        self.mix, self.film = nn.Linear(2 * WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, PATCH * PATCH)
        self.encoded: list[int] = []

    def tokenize(self, texts: Sequence[str]) -> TextTokens:
        return tokenize(texts)

    @torch.no_grad()
    def encode_image(self, pixels_nchw: Tensor) -> tuple[Tensor, ...]:
        self.encoded.append(len(pixels_nchw))
        tokens_ntd = self.patches(pixels_nchw).flatten(2).transpose(1, 2)
        return tokens_ntd, tokens_ntd.tanh()

    @torch.no_grad()
    def encode_text(self, tokens: TextTokens) -> Tensor:
        condition_nd: Tensor = self.dropout(bag(self.words, tokens))
        return condition_nd

    def decode(self, activations: Sequence[Tensor], condition_nd: Tensor) -> Tensor:
        hidden_ntd = self.mix(torch.cat(list(activations), dim=-1)).relu()
        hidden_ntd = hidden_ntd * self.film(condition_nd)[:, None]
        side = int(hidden_ntd.shape[1] ** 0.5)
        planes = self.out(hidden_ntd).transpose(1, 2).unflatten(2, (side, side))
        return nn.functional.pixel_shuffle(planes, PATCH)


class TinyConvolutional(Segmenter):
    """Trains whole; a text, if it is given one, shifts a normalised map."""

    def __init__(self, card: SegmenterCard, classes: int, *, norm: bool = True) -> None:
        super().__init__(card, classes)
        self.words = nn.Embedding(WORDS, 8) if card.reads_text else None
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8) if norm else nn.GroupNorm(2, 8)
        self.head = nn.Conv2d(8, classes, 3, padding=1)

    def tokenize(self, texts: Sequence[str]) -> TextTokens:
        return tokenize(texts)

    def forward(self, pixels_nchw: Tensor, tokens: TextTokens | None) -> Tensor:
        hidden_nchw = self.norm(self.stem(pixels_nchw))
        if self.words is not None:
            assert tokens is not None
            hidden_nchw = hidden_nchw + bag(self.words, tokens)[:, :, None, None]
        logits_nkhw: Tensor = self.head(hidden_nchw.relu())
        return logits_nkhw


def build_tiny(
    ref: BackboneRef,
    _locations: Locations,
    seed: int,
    *,
    classes: int = 1,
    options: SegmenterOptions | None = None,
) -> Segmenter:
    """Stand in for ``build_segmenter``: frozen parts are the same whatever the seed."""
    del options
    card = get_segmenter_card(ref.card)
    torch.manual_seed(0)
    if not card.frozen_encoders:
        torch.manual_seed(seed)
        return TinyConvolutional(card, classes, norm=False)
    built = TinyDecoding(card)
    torch.manual_seed(seed)
    for layer in (built.mix, built.film, built.out):
        layer.reset_parameters()
    return built


def config(**changes: Any) -> segment.Config:
    """Return a config whose trial takes a second."""
    base = segment.Config(
        segmenter=FROZEN,
        data=DATA,
        prompt=PromptConfig(type="p6"),
        epochs=2,
        batch_size=8,
        image_size_px=32,
        optimizer=OptimizerConfig(lr=1e-2, weight_decay=1e-3),
        precision="fp32",
    )
    return replace(base, **changes)


def trial(
    folder: Path, locations: Locations, *, final: bool = True, seed: int = 1, **changes: Any
) -> tuple[Context, list[dict[str, float]]]:
    """Return the context of a trial, and where its reports go, without timings."""
    reports: list[dict[str, float]] = []

    def send(_step: int, metrics: Mapping[str, float]) -> None:
        reports.append({k: v for k, v in metrics.items() if not k.startswith("perf/")})

    context = Context(
        trial_id=folder.name, seed=seed, folder=folder, locations=locations, final=final,
        send=send, **changes,
    )  # fmt: skip
    return context, reports
