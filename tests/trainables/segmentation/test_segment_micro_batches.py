"""Parts of a batch of cases: their weighted losses are the loss of the batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from trainables.segmentation.batches import CaseBatch
from trainables.segmentation.config import LossConfig
from trainables.segmentation.losses import case_losses, mean_loss
from trainables.segmentation.micro_batches import create_split
from trainables.segmentation.network import NetworkInput

CASES = 7


def _batch() -> CaseBatch:
    generator = torch.Generator().manual_seed(0)
    target_nkhw = (torch.rand(CASES, 2, 6, 6, generator=generator) > 0.5).float()
    target_nkhw[[0, 1, 5]] = 0  # show nothing: a loss may leave them out of its mean
    pixels_nchw = torch.randn(CASES, 2, 6, 6, generator=generator)
    return CaseBatch(torch.arange(CASES), NetworkInput(pixels_nchw=pixels_nchw), target_nkhw)


def _split(module: nn.Module, loss: LossConfig, *, train_mode: bool, ranks: int = 1) -> Any:
    network: Any = nn.Sequential(module)
    network.encoder_train_mode = train_mode
    context: Any = SimpleNamespace(world_size=ranks)
    return create_split(network, loss, context)


@pytest.mark.parametrize("name", ["dice_ce", "dice_bce", "tuned_dice"])
@pytest.mark.parametrize("parts", [2, 3, 16])
def test_weighted_losses_of_the_parts_add_up_to_the_loss_of_the_batch(
    name: Any, parts: int
) -> None:
    loss, batch = LossConfig(name=name), _batch()

    def of(cases: CaseBatch) -> torch.Tensor:
        assert cases.given.pixels_nchw is not None
        return mean_loss(*case_losses(cases.given.pixels_nchw, cases.target_nkhw, loss))

    cut = _split(nn.Identity(), loss, train_mode=True)(batch, parts)
    torch.testing.assert_close(sum(weight * of(part) for part, weight in cut), of(batch))
    assert torch.cat([part.indices for part, _ in cut]).tolist() == list(range(CASES))


@pytest.mark.parametrize(
    ("module", "train_mode", "ranks"),
    [(nn.BatchNorm2d(2), True, 1), (nn.Identity(), False, 2)],
    ids=["frozen_norms_in_training_mode", "several_ranks"],
)
def test_batches_whose_cases_depend_on_each_other_are_not_cut(
    module: nn.Module, train_mode: bool, ranks: int
) -> None:
    assert _split(module, LossConfig(), train_mode=train_mode, ranks=ranks) is None
