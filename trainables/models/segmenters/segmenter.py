"""The one interface of every segmentation network.

Axes: n pictures, c channels, h rows, w columns, l tokens of a text, d width, k classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainables.errors import ConfigError
from trainables.models.segmenter_card import SegmenterCard


@dataclass(frozen=True, kw_only=True, slots=True)
class TextTokens:
    """Texts as a network reads them.

    Args:
        mask_nl: 1 where there is a token, 0 where there is padding.
    """

    ids_nl: Tensor
    mask_nl: Tensor

    def __len__(self) -> int:
        return len(self.ids_nl)

    def to(self, device: torch.device) -> TextTokens:
        """Return the same tokens on a device."""
        return TextTokens(ids_nl=self.ids_nl.to(device), mask_nl=self.mask_nl.to(device))

    def rows(self, rows_n: Tensor) -> TextTokens:
        """Return the tokens of some of the texts, by their index."""
        return TextTokens(ids_nl=self.ids_nl[rows_n], mask_nl=self.mask_nl[rows_n])

    def cut(self) -> TextTokens:
        """Return the same tokens without the places that are padding in every text."""
        longest = int(self.mask_nl.sum(dim=1).max())
        return TextTokens(ids_nl=self.ids_nl[:, :longest], mask_nl=self.mask_nl[:, :longest])


class Segmenter(nn.Module, ABC):
    """From normalised pictures and tokens to the logits of masks.

    Gradients are switched off where a network never learns, so that a data-parallel wrapper does
    not wait for them: ``[p for p in model.parameters() if p.requires_grad]`` is what trains.

    Args:
        classes: masks per picture.
    """

    def __init__(self, card: SegmenterCard, classes: int = 1) -> None:
        super().__init__()
        self.card = card
        self.classes = classes

    @property
    def frozen_encoders(self) -> bool:
        """Whether only the decoder trains; then the network is a :class:`DecodingSegmenter`."""
        return self.card.frozen_encoders

    def tokenize(self, texts: Sequence[str]) -> TextTokens:
        """Return texts as tokens, on the CPU; too long ones are cut.

        Raises:
            ConfigError: the network reads no text.
        """
        raise ConfigError(f"'{self.card.name}' reads no text, got {len(texts)}")

    def required(self, tokens: TextTokens | None) -> TextTokens:
        """Return the tokens of a network that cannot do without.

        Raises:
            ConfigError: there are none.
        """
        if tokens is None:
            raise ConfigError(f"'{self.card.name}' needs a text for each picture")
        return tokens

    @abstractmethod
    def forward(self, pixels_nchw: Tensor, tokens: TextTokens | None) -> Tensor:
        """Return logits (n, k, h, w) at the size of the input.

        Args:
            tokens: one text per picture; None for a network that reads none.
        """


class DecodingSegmenter(Segmenter):
    """A segmenter whose encoders never train: their output can be computed once and kept."""

    @abstractmethod
    def encode_image(self, pixels_nchw: Tensor) -> tuple[Tensor, ...]:
        """Return what the decoder reads of each picture, without gradients: (n, tokens, d) each."""

    @abstractmethod
    def encode_text(self, tokens: TextTokens) -> Tensor:
        """Return what the decoder reads of each text, (n, d), without gradients."""

    @abstractmethod
    def decode(self, activations: Sequence[Tensor], condition_nd: Tensor) -> Tensor:
        """Return the logits, (n, 1, h, w), given what the encoders gave."""

    def forward(self, pixels_nchw: Tensor, tokens: TextTokens | None) -> Tensor:
        """Return logits (n, 1, h, w) at the size of the input."""
        condition_nd = self.encode_text(self.required(tokens))
        return self.decode(self.encode_image(pixels_nchw), condition_nd)
