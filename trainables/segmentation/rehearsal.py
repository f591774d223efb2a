"""The steps of a segmenter on cases that are made up, to see what memory they need.

Axes: n cases, k channels, c colours, h rows, w columns, l tokens of a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trainables.context import Context
from trainables.engine.loop import Training, rehearse
from trainables.engine.precision import autocast
from trainables.engine.supervised_rehearsal import short_fit
from trainables.models.contents import real_zeros
from trainables.models.segmenters.segmenter import Segmenter, TextTokens
from trainables.segmentation.batches import CaseBatch
from trainables.segmentation.losses import case_losses, mean_loss
from trainables.segmentation.network import NetworkInput, create_network

if TYPE_CHECKING:
    from trainables.segment import Config


def rehearse_training(config: Config, context: Context, workers: int) -> None:
    """Do what :func:`trainables.segment.rehearse` promises.

    Frozen encoders see every batch, though what they make of it may be in the store: filling the
    store takes as much.
    """
    spec = config.spec(context.seed)
    network = create_network(spec, context.locations)
    cases = -(-config.batch_size // workers)
    batch = _made_up_cases(network.segmenter, cases, spec.image_size_px)
    fit_config = short_fit(config.fit_config())

    def loss(module: nn.Module, given: CaseBatch) -> Tensor:
        return mean_loss(*case_losses(module(given.given), given.target_nkhw, config.loss))

    def evaluate(_step: int) -> dict[str, float]:
        network.eval()
        with torch.inference_mode(), autocast(fit_config.precision, context.device):
            network(batch.given)
        return {}

    training: Training[CaseBatch] = Training(
        cases=cases,
        batches=lambda parts: iter([batch] * len(parts)),
        loss=loss,
        evaluate=evaluate,
    )
    rehearse(network, training, fit_config, context, workers)


def _made_up_cases(segmenter: Segmenter, cases: int, side: int) -> CaseBatch:
    tokens = None
    if segmenter.card.reads_text:
        ids_nl = real_zeros(cases, segmenter.card.context_length, dtype=torch.int64)
        tokens = TextTokens(ids_nl=ids_nl, mask_nl=ids_nl + 1)
    return CaseBatch(
        indices=torch.arange(cases),
        given=NetworkInput(pixels_nchw=torch.zeros(cases, 3, side, side), tokens=tokens),
        target_nkhw=torch.zeros(cases, segmenter.classes, side, side),
    )
