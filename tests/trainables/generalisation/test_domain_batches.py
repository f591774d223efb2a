"""Which pictures of which domain make a step."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from trainables.config import DataRef
from trainables.context import Context, Locations
from trainables.engine.batches import ImageBatch
from trainables.errors import ConfigError
from trainables.generalisation.domain_batches import (
    balanced_chances,
    by_domain,
    check_batch_size,
    step_indices,
)
from trainables.generalisation.splits import Domains, open_domains


@pytest.fixture(scope="module")
def context(shared_locations: Locations) -> Context:
    return Context.local(shared_locations.store, shared_locations)


@pytest.fixture(scope="module")
def sources(context: Context) -> Domains:
    return open_domains(DataRef(name="fundus"), ["camera_0", "camera_1"], 0.2, context)


def draw(sources: Domains, context: Context, balanced: bool = False, seed: int = 0) -> np.ndarray:
    return torch.stack(step_indices(sources, 50, 32, balanced, context, seed)).numpy()


def test_every_step_has_equally_many_in_pictures_of_each_domain(
    sources: Domains, context: Context
) -> None:
    drawn = draw(sources, context)
    assert drawn.shape == (50, 64)
    for domain, columns in zip(sources.parts, (drawn[:, :32], drawn[:, 32:]), strict=True):
        assert np.isin(columns, domain.inside).all()


def test_pictures_are_drawn_with_replacement(sources: Domains, context: Context) -> None:
    one = draw(sources, context)[:, :32].ravel()
    # 1600 draws of 320: without replacement each would come five times.
    assert np.bincount(one, minlength=400)[sources.parts[0].inside].std() > 1.5


def test_class_balancing_draws_every_class_equally_often(
    sources: Domains, context: Context
) -> None:
    labels = sources.images.labels
    skewed = [
        dataclasses.replace(
            part,
            inside=np.concatenate(
                [part.inside[labels[part.inside] == 0], part.inside[labels[part.inside] > 0][:12]]
            ),
        )
        for part in sources.parts
    ]
    skewed_sources = dataclasses.replace(sources, parts=tuple(skewed))
    balanced = labels[draw(skewed_sources, context, balanced=True)].ravel()
    assert np.bincount(balanced) / balanced.size == pytest.approx([0.2] * 5, abs=0.03)
    plain = labels[draw(skewed_sources, context)]
    assert (plain == 0).mean() > 0.7


def test_chances_are_shared_by_the_classes_that_occur() -> None:
    # As DomainBed weighs: 1 / (pictures of the class x classes with pictures).
    assert balanced_chances(torch.tensor([0, 0, 3])).tolist() == [0.25, 0.25, 0.5]


def test_ranks_share_each_domain_of_each_step(sources: Domains, context: Context) -> None:
    whole = draw(sources, context)
    ranks = [dataclasses.replace(context, rank=rank, world_size=2) for rank in (0, 1)]
    for rank in ranks:
        share = draw(sources, rank)
        assert share.shape == (50, 32)
        assert (share[:, :16] == whole[:, :32][:, rank.rank :: 2]).all()
        assert (share[:, 16:] == whole[:, 32:][:, rank.rank :: 2]).all()


def test_seeds_decide_the_draw(sources: Domains, context: Context) -> None:
    assert (draw(sources, context) == draw(sources, context)).all()
    assert (draw(sources, context) != draw(sources, context, seed=1)).any()


def test_a_batch_is_parted_by_domain() -> None:
    batch = ImageBatch(torch.arange(6.0)[:, None, None, None], torch.arange(6))
    first, second = by_domain(batch, 2)
    assert first.labels.tolist() == [0, 1, 2]
    assert second.x_nchw.flatten().tolist() == [3, 4, 5]


def test_unequal_shares_are_refused(context: Context) -> None:
    check_batch_size(32, dataclasses.replace(context, world_size=2))
    with pytest.raises(ConfigError, match=r"batch_size=32 pictures .* by 3 workers"):
        check_batch_size(32, dataclasses.replace(context, world_size=3))
