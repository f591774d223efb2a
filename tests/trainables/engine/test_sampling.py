"""Batches are the same for any number of ranks, and weighted shares make the global mean."""

from __future__ import annotations

import pytest
import torch

from trainables.engine.sampling import global_batches, local_share
from trainables.errors import DatasetError


@pytest.mark.parametrize(("cases", "sizes"), [(8, [4, 4]), (10, [4, 4, 2]), (9, [4, 4]), (3, [3])])
def test_every_case_comes_once_except_a_last_single_one(cases: int, sizes: list[int]) -> None:
    batches = global_batches(cases, 4, seed=0)
    assert [len(b) for b in batches] == sizes
    seen = torch.cat(batches).tolist()
    assert len(set(seen)) == sum(sizes)
    assert set(seen) <= set(range(cases))


def test_order_depends_on_the_seed_alone() -> None:
    first = torch.cat(global_batches(50, 8, seed=1))
    torch.rand(1)
    assert torch.equal(first, torch.cat(global_batches(50, 8, seed=1)))
    assert not torch.equal(first, torch.cat(global_batches(50, 8, seed=2)))


def test_one_case_is_refused() -> None:
    with pytest.raises(DatasetError, match="at least two"):
        global_batches(1, 4, seed=0)


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
@pytest.mark.parametrize("size", [2, 5, 8])
def test_average_over_ranks_of_weighted_means_is_the_global_mean(
    world_size: int, size: int
) -> None:
    loss = torch.randn(20, dtype=torch.float64)
    batch = torch.randperm(20)[:size]
    shares = [local_share(batch, rank, world_size) for rank in range(world_size)]
    average = sum(loss[part].mean() * weight for part, weight in shares) / world_size
    assert float(average) == pytest.approx(float(loss[batch].mean()))
    assert all(len(part) > 0 for part, _ in shares)
    used = torch.cat([part for part, weight in shares if weight > 0])
    assert sorted(used.tolist()) == sorted(batch.tolist())


@pytest.mark.parametrize(("cases", "batches"), [(8, 2), (11, 2), (12, 3)])
def test_drop_last_keeps_full_batches_only(cases: int, batches: int) -> None:
    assert [len(b) for b in global_batches(cases, 4, 0, drop_last=True)] == [4] * batches


def test_drop_last_refuses_less_than_one_batch() -> None:
    with pytest.raises(DatasetError, match="3 pictures do not fill one batch of 4"):
        global_batches(3, 4, 0, drop_last=True)
