"""The published contrastive loss in its two forms, on one rank and on two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from spawned_ranks import spawn_ranks
from torch import Tensor
from torch.nn import functional

from trainables.context import Context, Locations
from trainables.generalisation.contrastive import ClassContrastive, pair_contrastive
from trainables.generalisation.gathering import gather

N, K, D = 24, 5, 16
TEMPERATURE = 100.0


def context_of(rank: int = 0, world_size: int = 1) -> Context:
    nowhere = Path("unused")
    places = Locations(data=nowhere, weights=nowhere, store=nowhere)
    return Context(
        trial_id="x", seed=0, folder=nowhere, locations=places, rank=rank, world_size=world_size
    )


def drawn() -> tuple[Tensor, Tensor, Tensor]:
    """Pictures and texts of length one, close enough for the loss to be of the paper's size."""
    generator = torch.Generator().manual_seed(4)
    texts_kd = functional.normalize(torch.randn(K, D, generator=generator), dim=-1).double()
    labels = torch.randint(0, K - 1, (N,), generator=generator)  # the last class is absent
    z_nd = 0.1 * texts_kd[labels] + 0.3 * torch.randn(N, D, generator=generator).double()
    return functional.normalize(z_nd, dim=-1), texts_kd, labels


def by_hand(z_nd: Tensor, texts_kd: Tensor, labels: Tensor) -> Tensor:
    """The loss as the paper's code states it: cross-entropy over all pairs, one row at a time."""
    logits_nn = TEMPERATURE * z_nd @ texts_kd[labels].T
    rows = [functional.cross_entropy(logits_nn[i][None], torch.tensor([i])) for i in range(N)]
    columns = [functional.cross_entropy(logits_nn[:, i][None], torch.tensor([i])) for i in range(N)]
    return torch.stack(rows).mean() + torch.stack(columns).mean()


def test_both_forms_are_the_loss_of_all_pairs() -> None:
    z_nd, texts_kd, labels = drawn()
    expected = by_hand(z_nd, texts_kd, labels)
    pairs = pair_contrastive(z_nd, texts_kd[labels], TEMPERATURE)
    classes = ClassContrastive(context_of())(TEMPERATURE * z_nd @ texts_kd.T, labels)
    assert pairs.item() == pytest.approx(expected.item(), rel=1e-9)
    # The form over classes computes in single precision.
    assert classes.item() == pytest.approx(expected.item(), rel=1e-6)


def test_both_forms_have_the_same_gradient() -> None:
    z_nd, texts_kd, labels = drawn()
    grads = []
    for form in ("pairs", "classes"):
        z = z_nd.clone().requires_grad_()
        if form == "pairs":
            loss = pair_contrastive(z, texts_kd[labels], TEMPERATURE)
        else:
            loss = ClassContrastive(context_of())(TEMPERATURE * z @ texts_kd.T, labels)
        torch.autograd.backward(loss)
        grads.append(z.grad)
    assert torch.allclose(grads[0], grads[1], atol=1e-5, rtol=1e-5)


def test_perfect_separation_reaches_the_floor_that_duplicates_impose() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    logits_nk = 100 * torch.eye(K)[labels]
    counts = torch.tensor([3.0, 2.0, 1.0])
    floor = 2 * (counts / 6 * counts.log()).sum()
    assert ClassContrastive(context_of())(logits_nk, labels).item() == pytest.approx(
        floor.item(), rel=1e-5
    )


def ranks_share(rank: int, folder: Path) -> None:
    z_nd, texts_kd, labels = drawn()
    mine, context = slice(rank, None, 2), context_of(rank, 2)
    outcome = {}
    for form in ("pairs", "classes"):
        z = z_nd[mine].clone().requires_grad_()
        if form == "pairs":
            gathered_nd, texts_nd = gather(z, context), gather(texts_kd[labels[mine]], context)
            loss = pair_contrastive(gathered_nd, texts_nd, TEMPERATURE)
        else:
            logits_nk = TEMPERATURE * z @ texts_kd.T
            loss = ClassContrastive(context)(logits_nk, labels[mine])
        torch.autograd.backward(loss)
        assert z.grad is not None
        outcome[form] = {"loss": loss.item(), "grad": z.grad.tolist()}
    (folder / f"rank-{rank}.json").write_text(json.dumps(outcome))


@pytest.mark.integration
def test_two_ranks_have_the_loss_and_the_gradient_of_one(tmp_path: Path) -> None:
    spawn_ranks(ranks_share, tmp_path)
    z_nd, texts_kd, labels = drawn()
    z = z_nd.clone().requires_grad_()
    loss = by_hand(z, texts_kd, labels)
    torch.autograd.backward(loss)
    for rank in range(2):
        outcome = json.loads((tmp_path / f"rank-{rank}.json").read_text())
        for found in outcome.values():
            assert found["loss"] == pytest.approx(loss.item(), rel=1e-6)
            # Ranks' gradients are averaged, so that of one rank's rows is twice the whole's.
            assert z.grad is not None
            ours = torch.tensor(found["grad"], dtype=torch.float64) / 2
            assert torch.allclose(ours, z.grad[rank::2], atol=1e-5, rtol=1e-5)
