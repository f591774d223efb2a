"""A pool is its members one after the other, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from segmentation_samples import write_set

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.cards import data_status
from trainables.data.doctor import doctor
from trainables.data.image_set import ImageSet
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.sets.segmentation_sets import POOLS, pooled_class
from trainables.errors import DatasetError

POLYPS = POOLS["pooled_polyp"]


@pytest.fixture
def root(tmp_path: Path, locations: Locations) -> Path:
    folder = tmp_path / "root"
    for number, name in enumerate(POLYPS, start=1):
        write_set(folder, name, (number + 1, 2, 1))
        prepare(name, folder, locations)
    return folder


def parts(names: tuple[str, ...], locations: Locations) -> list[ImageSet]:
    return [load_split(DataRef(name=name), "train", locations) for name in names]


@pytest.mark.usefixtures("root")
def test_cases_are_those_of_the_members_in_turn(locations: Locations) -> None:
    pool = load_split(DataRef(name="pooled_polyp"), "train", locations)
    at = 0
    for name, part in zip(POLYPS, parts(POLYPS, locations), strict=True):
        for index, case_id in enumerate(part.ids):
            assert pool.domain_of[at] == name
            assert pool.ids[at] == f"{name}/{case_id}"
            assert pool.prompts_of(at) == part.prompts_of(index)
            assert pool.picture_of(at) == f"{name}/{name}/images/{case_id.removesuffix('_m')}.png"
            torch.testing.assert_close(pool.image(at), part.image(index))
            torch.testing.assert_close(pool.mask(at), part.mask(index))
            at += 1
    assert at == len(pool) == 2 + 3 + 4
    assert not pool.stacked


@pytest.mark.usefixtures("root")
def test_domains_choose_members(locations: Locations) -> None:
    ref = DataRef(name="pooled_polyp", domains=("bkai_polyp", "kvasir_polyp"))
    pool = load_split(ref, "train", locations)
    assert pool.domain_of.tolist() == ["kvasir_polyp"] * 2 + ["bkai_polyp"] * 4


def test_digest_is_of_the_members(root: Path, locations: Locations) -> None:
    before = data_status("pooled_polyp", locations).digest
    assert before == data_status("pooled_polyp", locations).digest != ""
    write_set(root, "bkai_polyp", (1, 1, 1))
    prepare("bkai_polyp", root, locations)
    assert data_status("pooled_polyp", locations).digest != before


def test_pool_without_a_member_is_absent_and_says_what_to_prepare(
    tmp_path: Path, locations: Locations
) -> None:
    write_set(tmp_path / "root", "kvasir_polyp", (1, 1, 1))
    prepare("kvasir_polyp", tmp_path / "root", locations)
    with pytest.raises(DatasetError) as error:
        load_split(DataRef(name="pooled_polyp"), "train", locations)
    for name, absent in zip(POLYPS, (False, True, True), strict=True):
        assert (f"prepare {name} --source" in str(error.value)) is absent


@pytest.mark.usefixtures("root")
def test_doctor_of_a_pool_says_what_it_says_of_the_members(locations: Locations) -> None:
    of_members = [found for name in POLYPS for found in doctor(name, locations)]
    assert doctor("pooled_polyp", locations) == of_members != []


def test_pool_of_twins_is_stacked_and_has_the_pools_classes(shared_locations: Locations) -> None:
    pool = load_split(DataRef(name="pooled_all_twin"), "val", shared_locations)
    members = [
        load_split(DataRef(name=f"{name}_twin"), "val", shared_locations)
        for name in POOLS["pooled_all"]
    ]
    ends = np.cumsum([len(part) for part in members])
    assert len(pool) == ends[-1]
    assert pool.stacked
    for part, end in zip(members, ends, strict=True):
        start = end - len(part)
        torch.testing.assert_close(
            pool.images(np.arange(start, end)), part.images(range(len(part)))
        )
        named = [pooled_class(part.name, label) for label in part.labels]
        assert [pool.classes[label] for label in pool.labels[start:end]] == named
    order = np.random.default_rng(0).permutation(len(pool))
    batch_nchw = pool.images(order)
    for place in (0, 7, 100):
        torch.testing.assert_close(batch_nchw[place], pool.image(order[place]))


def test_domains_of_a_pool_mean_the_same_of_its_twin(shared_locations: Locations) -> None:
    ref = DataRef(name="pooled_all", domains=("camus", "busi"), limit=20)
    pool = load_split(replace(ref, name="pooled_all_twin"), "test", shared_locations)
    assert set(pool.domain_of) == {"camus", "busi"}
    assert len(pool) == 20
    # Drawn by class: four structures, in turn.
    assert sorted(np.unique(pool.labels, return_counts=True)[1]) == [5, 5, 5, 5]
