"""Scores of every case, shared between the ranks.

Axes: n cases of a batch, k channels, h rows, w columns, s scores of a case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainables.context import Context, NonFiniteLossError
from trainables.engine.config import Precision
from trainables.engine.distributed import gather_rows, shard
from trainables.engine.precision import autocast
from trainables.segmentation.batches import CaseBatch, CaseLoader
from trainables.segmentation.case_metrics import overlap_scores, stored_scores
from trainables.segmentation.channels import decided
from trainables.segmentation.config import LossConfig
from trainables.segmentation.losses import case_losses
from trainables.segmentation.network import TrainedNetwork
from trainables.segmentation.resize import enlarge_prediction

NETWORK_SCORES = ("dice_net", "iou_net")
STORED_SCORES = ("dice", "iou", "dice_files", "iou_files")
LOSS_SCORES = ("loss", "counted")

Texts = Sequence[tuple[str, ...]]
"""The texts that each case of a split is scored with."""

Scores = dict[str, npt.NDArray[np.float64]]
"""Name of a score -> its value for every case of a split, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What is measured of each case.

    Args:
        stored_size: also the scores at the resolution of the stored mask.
        loss: also the loss.
        take_mask: with ``stored_size``, gets the index of each case that this rank scores and its
            prediction at that resolution, bool (h, w); for the first of its texts.
    """

    threshold: float
    precision: Precision
    batch_size: int
    stored_size: bool = False
    loss: LossConfig | None = None
    take_mask: Callable[[int, Tensor], None] | None = None

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of what is measured, in order."""
        stored = STORED_SCORES if self.stored_size else ()
        return NETWORK_SCORES + stored + (LOSS_SCORES if self.loss is not None else ())


class _Asked(NamedTuple):
    """One question to the network: a case of this rank's share and a text."""

    row: int
    case: int
    text: str
    first: bool


class Scorer:
    """A network and the cases of a split."""

    def __init__(
        self, network: TrainedNetwork, loader: CaseLoader, judgement: Judgement, context: Context
    ) -> None:
        self.network, self.loader = network, loader
        self.judgement, self.context = judgement, context

    def score(self, texts: Texts) -> Scores:
        """Return the scores of all cases on every rank; a case with several texts has their mean.

        The network is left in the mode it came in.

        Raises:
            NonFiniteLossError: an output is NaN or infinite.
            DatasetError: a picture or mask cannot be read.
        """
        cases = len(self.loader.cases)
        mine = shard(cases, self.context).tolist()
        row_ns = torch.zeros(len(mine), len(self.judgement.scores), dtype=torch.float64)
        asked = [
            _Asked(row, case, text, first=number == 0)
            for row, case in enumerate(mine)
            for number, text in enumerate(texts[case])
        ]
        was_training = self.network.training
        self.network.eval()
        for questions, scored_ns in self._answers(asked):
            for question, score_s in zip(questions, scored_ns, strict=True):
                row_ns[question.row] += score_s / len(texts[question.case])
        self.network.train(was_training)
        gathered_ns = gather_rows(row_ns.to(self.context.device), cases, self.context)
        columns = gathered_ns.cpu().numpy().T
        return dict(zip(self.judgement.scores, columns, strict=True))

    def predict(self, case: int, text: str) -> Tensor:
        """Return the prediction of one case at the size of its stored mask, bool (h, w)."""
        (batch,) = self.loader.batches([torch.tensor([case])], [[text]])
        self.network.eval()
        with torch.inference_mode():
            predicted_nhw = self._predicted(self._logits(batch), batch)
        return self._enlarged(predicted_nhw[0].cpu(), case)[0]

    def _answers(self, asked: Sequence[_Asked]) -> list[tuple[Sequence[_Asked], Tensor]]:
        size = max(1, self.judgement.batch_size // self.context.world_size)
        chunks = [asked[start : start + size] for start in range(0, len(asked), size)]
        batches = self.loader.batches(
            [torch.tensor([question.case for question in chunk]) for chunk in chunks],
            [[question.text for question in chunk] for chunk in chunks],
        )
        with torch.inference_mode():
            return [
                (chunk, self._score(batch, chunk))
                for chunk, batch in zip(chunks, batches, strict=True)
            ]

    def _score(self, batch: CaseBatch, asked: Sequence[_Asked]) -> Tensor:
        """Return the scores of the cases of a batch, float64 on the CPU, (n, s)."""
        logits_nkhw = self._logits(batch)
        predicted_nhw = self._predicted(logits_nkhw, batch)
        columns = list(overlap_scores(predicted_nhw, self._own(batch.target_nkhw, batch)))
        if self.judgement.stored_size:
            columns += self._stored_columns(predicted_nhw.cpu(), asked)
        if self.judgement.loss is not None:
            columns += case_losses(
                logits_nkhw,
                batch.target_nkhw,
                self.judgement.loss,
                exclusive=self.loader.cases.exclusive,
            )
        return torch.stack([column.double().cpu() for column in columns], dim=1)

    def _stored_columns(self, predicted_nhw: Tensor, asked: Sequence[_Asked]) -> list[Tensor]:
        scored = []
        for predicted_hw, question in zip(predicted_nhw, asked, strict=True):
            enlarged_hw, stored_hw = self._enlarged(predicted_hw, question.case)
            scores = stored_scores(enlarged_hw, stored_hw)
            scored.append([scores[name] for name in STORED_SCORES])
            if question.first and self.judgement.take_mask is not None:
                self.judgement.take_mask(question.case, enlarged_hw)
        return list(torch.tensor(scored, dtype=torch.float64).T)

    def _enlarged(self, predicted_hw: Tensor, case: int) -> tuple[Tensor, Tensor]:
        """Return a prediction at the size of the stored mask, and that mask."""
        stored_hw = self.loader.cases.images.mask(case)
        return enlarge_prediction(predicted_hw, *stored_hw.shape), stored_hw

    def _logits(self, batch: CaseBatch) -> Tensor:
        with autocast(self.judgement.precision, self.context.device):
            logits_nkhw: Tensor = self.network(batch.given)
        logits_nkhw = logits_nkhw.float()
        if not bool(torch.isfinite(logits_nkhw).all()):
            # A last step can throw the weights out of range after its own loss was still a number.
            raise NonFiniteLossError(f"trial {self.context.trial_id}: an output is not finite")
        return logits_nkhw

    def _predicted(self, logits_nkhw: Tensor, batch: CaseBatch) -> Tensor:
        """Return the masks of the cases' own structures, bool (n, h, w)."""
        exclusive = self.loader.cases.exclusive
        return self._own(decided(logits_nkhw, self.judgement.threshold, exclusive=exclusive), batch)

    def _own(self, planes_nkhw: Tensor, batch: CaseBatch) -> Tensor:
        """Return the plane of each case's own channel, (n, h, w)."""
        channels = [self.loader.cases.channel(case) for case in batch.indices.tolist()]
        return planes_nkhw[torch.arange(len(channels)), torch.tensor(channels)]
