"""The four ways to share CLIP's loss between ranks, against one process with all pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from spawned_ranks import WORLD, spawn_ranks
from torch import Tensor

from trainables.alignment.pair_loss import PairLoss
from trainables.context import Context, Locations

EACH, WIDTH = 3, 5
MODES = [(local, with_grad) for local in (False, True) for with_grad in (False, True)]


def context_of(rank: int, world_size: int = WORLD) -> Context:
    nowhere = Path("unused")
    places = Locations(data=nowhere, weights=nowhere, store=nowhere)
    return Context(
        trial_id="x", seed=0, folder=nowhere, locations=places, rank=rank, world_size=world_size
    )


def pairs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images_md = torch.randn(WORLD * EACH, WIDTH, generator=generator)
    texts_md = torch.randn(WORLD * EACH, WIDTH, generator=generator)
    return images_md, texts_md


def outcome(
    loss: PairLoss, images_bd: Tensor, texts_bd: Tensor, context: Context
) -> dict[str, Tensor]:
    """Return the value, and the gradients with regard to towers and logarithm of the scale."""
    # One weight per tower, as every rank has the same towers and other pairs.
    weights = [torch.eye(WIDTH, requires_grad=True) for _ in range(2)]
    log_scale = torch.tensor(2.0, requires_grad=True)
    vectors = [
        torch.nn.functional.normalize(rows @ weight, dim=-1)
        for rows, weight in zip((images_bd, texts_bd), weights, strict=True)
    ]
    value = loss(vectors[0], vectors[1], log_scale.exp(), context)
    value.backward()
    gradients = {"images": weights[0].grad, "texts": weights[1].grad, "scale": log_scale.grad}
    return {"value": value.detach(), **{k: g for k, g in gradients.items() if g is not None}}


def rank_main(rank: int, folder: Path) -> None:
    images_md, texts_md = pairs()
    mine = slice(rank * EACH, (rank + 1) * EACH)
    found = {}
    for local, with_grad in MODES:
        loss = PairLoss(local_loss=local, gather_with_grad=with_grad)
        found[local, with_grad] = outcome(loss, images_md[mine], texts_md[mine], context_of(rank))
    torch.save(found, folder / f"rank-{rank}.pt")


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, dict[str, Tensor]]:
    """What each way gives, averaged over the ranks."""
    folder = tmp_path_factory.mktemp("ranks")
    spawn_ranks(rank_main, folder)
    ranks = [torch.load(folder / f"rank-{r}.pt", weights_only=True) for r in range(WORLD)]
    return {
        mode: {name: (ranks[0][mode][name] + ranks[1][mode][name]) / WORLD for name in found}
        for mode, found in ranks[0].items()
    }


@pytest.fixture(scope="module")
def alone() -> dict[str, Tensor]:
    return outcome(PairLoss(), *pairs(), context_of(0, world_size=1))


def test_loss_of_one_process_is_the_mean_of_both_directions_pair_by_pair() -> None:
    images_md, texts_md = (torch.nn.functional.normalize(x, dim=-1) for x in pairs())
    scale = 7.0
    total = 0.0
    for i in range(len(images_md)):
        own = scale * images_md[i] @ texts_md[i]
        among_texts = torch.stack([scale * images_md[i] @ t for t in texts_md]).exp().sum().log()
        among_images = torch.stack([scale * x @ texts_md[i] for x in images_md]).exp().sum().log()
        total += float(among_texts + among_images - 2 * own)
    found = PairLoss()(images_md, texts_md, torch.tensor(scale), context_of(0, world_size=1))
    assert float(found) == pytest.approx(total / 2 / len(images_md), rel=1e-5)


@pytest.mark.integration
@pytest.mark.parametrize("mode", MODES)
def test_every_way_has_the_value_and_the_scale_gradient_of_one_process(
    averaged: dict[Any, dict[str, Tensor]], alone: dict[str, Tensor], mode: tuple[bool, bool]
) -> None:
    for name in ("value", "scale"):
        torch.testing.assert_close(averaged[mode][name], alone[name])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("mode", "ratio"), [((False, False), 1 / WORLD), ((False, True), 1.0), ((True, True), 1.0)]
)
def test_gradients_of_towers_are_those_of_one_process_times_a_constant(
    averaged: dict[Any, dict[str, Tensor]],
    alone: dict[str, Tensor],
    mode: tuple[bool, bool],
    ratio: float,
) -> None:
    for name in ("images", "texts"):
        torch.testing.assert_close(averaged[mode][name], alone[name] * ratio)


@pytest.mark.integration
def test_local_loss_without_gradients_of_others_is_no_multiple_of_the_true_gradient(
    averaged: dict[Any, dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    found, true = averaged[True, False]["images"].flatten(), alone["images"].flatten()
    assert float(torch.cosine_similarity(found, true, dim=0)) < 0.999
