"""Train a small module on frozen features with the one training loop.

Legend: n cases, d width, k classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.context import Context
from trainables.data.card import Task
from trainables.engine.config import FitConfig
from trainables.engine.loop import Training, fit
from trainables.engine.selection import Best
from trainables.engine.supervised import classification_loss
from trainables.metrics.classification import classification_metrics


class Cases(NamedTuple):
    """What the module reads, x_nd on the CPU, and the labels of a split."""

    x_nd: Tensor
    labels: NDArray[Any]


class TrainedHead(NamedTuple):
    """A module at its best epoch.

    Args:
        logits: x_nd -> logits_nk, on the CPU.
    """

    logits: Callable[[Tensor], Tensor]
    best: Best

    def chosen(self) -> dict[str, float]:
        """Return which epoch was chosen, and how many later ones were as good."""
        return {"chosen/epoch": float(self.best.epoch), "chosen/ties": float(self.best.ties)}


def train_head(
    head: nn.Module,
    train: Cases,
    val: Cases,
    task: Task,
    config: FitConfig,
    context: Context,
    penalty: Callable[[], Tensor] | None = None,
) -> TrainedHead:
    """Train in place, report every epoch; the module ends at its best epoch, on the CPU.

    Args:
        penalty: what is added to the cross-entropy.

    Raises:
        NonFiniteLossError: the loss of an epoch is NaN or infinite.
    """
    x_nd, labels = train.x_nd.to(context.device), torch.from_numpy(train.labels)
    labels = labels.to(context.device)
    val_x_nd = val.x_nd.to(context.device)

    def batches(parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in parts:
            yield x_nd[rows], labels[rows]

    def loss(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        data_loss = classification_loss(module(batch[0]), batch[1], task)
        return data_loss if penalty is None else data_loss + penalty()

    def evaluate(_step: int) -> dict[str, float]:
        values = classification_metrics(_scores(head, val_x_nd).numpy(), val.labels, task)
        return {f"val/{name}": value for name, value in values.items()}

    training: Training[tuple[Tensor, Tensor]] = Training(
        cases=len(x_nd), batches=batches, loss=loss, evaluate=evaluate
    )
    best = fit(head, training, config, context)
    head.cpu()
    return TrainedHead(lambda x_nd: _scores(head, x_nd), best)


@torch.no_grad()
def _scores(head: nn.Module, x_nd: Tensor) -> Tensor:
    logits_nk: Tensor = head(x_nd)
    return logits_nk.cpu()
