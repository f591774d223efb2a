"""Batches of cases cut into parts whose weighted losses add up to the loss of the batch.

Axes: n cases of a part.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.context import Context
from trainables.engine.micro_batches import Split, has_batch_norm
from trainables.segmentation.batches import CaseBatch
from trainables.segmentation.config import LossConfig
from trainables.segmentation.losses import counted_cases
from trainables.segmentation.network import NetworkInput, TrainedNetwork


def create_split(
    network: TrainedNetwork, loss: LossConfig, context: Context
) -> Split[CaseBatch] | None:
    """Return how batches are cut; None where the loss of a case depends on the others.

    On several ranks the weights of a batch are worked out together, once per batch. A frozen
    encoder in training mode may normalise by the batch although nothing else of it is trained.
    """
    if context.world_size > 1 or (network.encoder_train_mode and has_batch_norm(network)):
        return None

    def split(batch: CaseBatch, parts: int) -> list[tuple[CaseBatch, float]]:
        counted = counted_cases(batch.target_nkhw, loss).sum().clamp(min=1)
        cut = [_of(batch, rows_n) for rows_n in torch.arange(len(batch.indices)).chunk(parts)]
        return [
            (part, float(counted_cases(part.target_nkhw, loss).sum() / counted)) for part in cut
        ]

    return split


def _of(batch: CaseBatch, rows_n: Tensor) -> CaseBatch:
    given = batch.given
    return CaseBatch(
        indices=batch.indices[rows_n],
        given=NetworkInput(
            pixels_nchw=None if given.pixels_nchw is None else given.pixels_nchw[rows_n],
            activations=tuple(activation[rows_n] for activation in given.activations),
            tokens=None if given.tokens is None else given.tokens.rows(rows_n),
            condition_nd=None if given.condition_nd is None else given.condition_nd[rows_n],
        ),
        target_nkhw=batch.target_nkhw[rows_n],
    )
