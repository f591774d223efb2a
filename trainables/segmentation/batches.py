"""Batches of cases on a device, from pictures or from what a frozen encoder made of them.

Axes: n cases, k channels, c colours, h rows, w columns, d width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from trainables.context import Context
from trainables.models.segmenters.segmenter import Segmenter
from trainables.segmentation.cases import Cases
from trainables.segmentation.network import NetworkInput
from trainables.segmentation.stored_cases import StoredCases
from trainables.segmentation.stored_texts import StoredTexts


class CaseBatch(NamedTuple):
    """Some cases.

    Args:
        indices: of the cases, int64 (n,) on the CPU.
        target_nkhw: float32 in [0, 1].
    """

    indices: Tensor
    given: NetworkInput
    target_nkhw: Tensor


class CaseLoader:
    """Make batches of the cases of a split.

    Args:
        segmenter: turns texts into tokens where no condition is stored.
        stored: takes the place of pictures; None reads those.
        texts: conditions of every text that is asked for; None hands out tokens.
    """

    def __init__(
        self,
        cases: Cases,
        segmenter: Segmenter,
        context: Context,
        stored: StoredCases | None = None,
        texts: StoredTexts | None = None,
    ) -> None:
        self.cases, self.segmenter, self.context = cases, segmenter, context
        self.stored, self.texts = stored, texts

    def batches(
        self, parts: Sequence[Tensor], texts: Sequence[Sequence[str]], *, from_tokens: bool = False
    ) -> Iterator[CaseBatch]:
        """Yield one batch per list of indices, in that order.

        Args:
            texts: of the cases of each part; idle for a network that reads none.
            from_tokens: hand out tokens even where conditions are stored.

        Raises:
            DatasetError: a picture or mask cannot be read.
        """
        for indices, said, (pixels_nchw, target_nkhw) in zip(
            parts, texts, self._loaded(parts), strict=True
        ):
            given = self._told(said, from_tokens)
            if self.stored is None:
                given = given._replace(pixels_nchw=self._to_device(pixels_nchw))
            else:
                rows = self.stored.activations(indices)
                given = given._replace(activations=tuple(map(self._to_device, rows)))
            yield CaseBatch(indices, given, self._to_device(target_nkhw))

    def _told(self, texts: Sequence[str], from_tokens: bool) -> NetworkInput:
        if not self.segmenter.card.reads_text:
            return NetworkInput()
        if self.texts is not None and not from_tokens:
            return NetworkInput(condition_nd=self.texts.conditions(texts))
        tokens = self.segmenter.tokenize(texts).to(torch.device(self.context.device))
        return NetworkInput(tokens=tokens)

    def _loaded(self, parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        # Arrays are in memory already: other processes would only copy them.
        in_files = self.stored is None and not self.cases.images.stacked
        yield from DataLoader(
            _Items(self.cases, self.stored),
            batch_sampler=[indices.tolist() for indices in parts],
            num_workers=self.context.loader_workers if in_files else 0,
            pin_memory=torch.device(self.context.device).type == "cuda",
        )

    def _to_device(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.context.device, non_blocking=True)


class _Items(Dataset[tuple[Tensor, Tensor]]):
    """Picture and target of a case; no picture where its activations are stored."""

    def __init__(self, cases: Cases, stored: StoredCases | None) -> None:
        self.cases, self.stored = cases, stored

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if self.stored is None:
            shrunk_hw, pixels_chw = self.cases.shrunk(index), self.cases.pixels(index)
        else:
            shrunk_hw, pixels_chw = self.stored.shrunk(index), torch.empty(0)
        return pixels_chw, self.cases.target(index, shrunk_hw)
