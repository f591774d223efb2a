"""Opening a split respects the seal, the domains and the limit, and generates nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from trainables.config import DataRef
from trainables.context import Context, Locations
from trainables.data.artifact_store import ArtifactStore
from trainables.data.open import _balanced, open_split
from trainables.errors import DatasetError, SealedTestError

CAMERA_0 = DataRef(name="fundus", domains=("camera_0",))


@pytest.fixture
def context(tmp_path: Path, shared_locations: Locations) -> Context:
    return Context.local(tmp_path / "trial", shared_locations)


def test_search_trial_cannot_open_the_test_split(context: Context) -> None:
    with pytest.raises(SealedTestError):
        open_split(CAMERA_0, "test", dataclasses.replace(context, final=False))
    assert len(open_split(CAMERA_0, "val", dataclasses.replace(context, final=False))) == 150


def test_only_the_chunk_asked_for_is_generated(tmp_path: Path, locations: Locations) -> None:
    open_split(CAMERA_0, "val", Context.local(tmp_path / "trial", locations))
    assert len(ArtifactStore(locations.store).builds("pixels")) == 1


def test_domains_come_in_card_order_and_are_the_same_set_in_any_order(context: Context) -> None:
    forward = open_split(DataRef(name="fundus", domains=("camera_0", "camera_1")), "val", context)
    backward = open_split(DataRef(name="fundus", domains=("camera_1", "camera_0")), "val", context)
    assert set(forward.domain_of) == {"camera_0", "camera_1"}
    assert forward.identity() == backward.identity()
    assert forward.ids.tolist() == backward.ids.tolist()
    assert len(set(forward.ids)) == 300


def test_unknown_domain_suggests_the_near_one(context: Context) -> None:
    with pytest.raises(DatasetError, match="Did you mean 'camera_0'"):
        open_split(DataRef(name="fundus", domains=("camera0",)), "val", context)


def test_absent_set_is_an_error_with_its_reason(context: Context) -> None:
    with pytest.raises(DatasetError, match="xenograft prepare aptos2019"):
        open_split(DataRef(name="aptos2019"), "train", context)


@pytest.mark.parametrize("limit", [5, 33, 100])
def test_limit_is_balanced_and_does_not_depend_on_the_trial(context: Context, limit: int) -> None:
    ref = dataclasses.replace(CAMERA_0, limit=limit)
    first = open_split(ref, "val", context)
    second = open_split(ref, "val", dataclasses.replace(context, seed=99, trial_id="other"))
    assert first.ids.tolist() == second.ids.tolist()
    counts = np.bincount(first.labels, minlength=5)
    assert counts.sum() == limit
    assert counts.max() - counts.min() <= 1
    assert first.identity()["limit"] == limit


def test_limit_takes_all_of_a_rare_class() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2] * 50)
    kept = _balanced(labels, 23, seed=0)
    assert np.bincount(labels[kept]).tolist() == [10, 3, 10]
    assert len(set(kept.tolist())) == 23


def test_limit_above_the_size_keeps_everything(context: Context) -> None:
    assert len(open_split(dataclasses.replace(CAMERA_0, limit=9999), "val", context)) == 150
