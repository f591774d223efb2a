"""Sets whose lists repeat pictures, with every picture once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from segmentation_samples import write_set

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.cards import data_status, get_data_card
from trainables.data.doctor import doctor
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.sets.segmentation_sets import POOLS
from trainables.errors import DatasetError


def _write_repeating(root: Path, name: str) -> Path:
    """Write 5 + 2 + 2 cases: picture 0 is 7 (a test case), 1 is 5 (validation), 2 listed twice."""
    folder = write_set(root, name, (5, 2, 2))
    for training, other in ((0, 7), (1, 5)):
        pictures = folder / "images"
        shutil.copy(pictures / f"{other}.png", pictures / f"{training}.png")
    path = folder / "anns" / "train.json"
    cases = json.loads(path.read_text())
    path.write_text(json.dumps([*cases, cases[2]]))
    return root


def _names(name: str, split: str, locations: Locations) -> list[str]:
    return sorted(load_split(DataRef(name=name), split, locations).ids.tolist())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["bkai_polyp", "isic2016"])
def test_repeats_are_left_out_of_training_and_tests_stay(
    name: str, tmp_path: Path, locations: Locations
) -> None:
    root, once = _write_repeating(tmp_path / "root", name), f"{name}_deduplicated"
    prepare(name, root, locations)
    prepare(once, root, locations)
    assert len(_names(name, "train", locations)) == 6
    assert _names(once, "train", locations) == ["2_m", "3_m", "4_m"]
    for split in ("val", "test"):
        assert _names(once, split, locations) == _names(name, split, locations)


def test_doctor_names_the_set_without_repeats_and_finds_none_in_it(
    tmp_path: Path, locations: Locations
) -> None:
    root = _write_repeating(tmp_path / "root", "bkai_polyp")
    prepare("bkai_polyp", root, locations)
    prepare("bkai_polyp_deduplicated", root, locations)
    repeats = [p for p in doctor("bkai_polyp", locations) if "same content" in p.what]
    assert len(repeats) == 3
    assert all("'bkai_polyp_deduplicated' leaves them out" in p.what for p in repeats)
    assert not [p for p in doctor("bkai_polyp_deduplicated", locations) if "content" in p.what]


def test_lists_without_repeats_are_refused(tmp_path: Path, locations: Locations) -> None:
    write_set(tmp_path / "root", "isic2016", (3, 1, 1))
    with pytest.raises(DatasetError, match=r"no two pictures of 'isic2016' .* Take 'isic2016'"):
        prepare("isic2016_deduplicated", tmp_path / "root", locations)


def test_a_pool_has_the_sets_without_repeats_as_members(
    tmp_path: Path, locations: Locations
) -> None:
    root = _write_repeating(tmp_path / "root", "bkai_polyp")
    for name in ("kvasir_polyp", "clinicdb_polyp"):
        write_set(root, name, (2, 1, 1))
        prepare(name, root, locations)
    assert "bkai_polyp_deduplicated" in data_status("pooled_polyp_deduplicated", locations).reason
    prepare("bkai_polyp_deduplicated", root, locations)
    pool = load_split(DataRef(name="pooled_polyp_deduplicated"), "train", locations)
    assert pool.domain_of.tolist() == [
        *["kvasir_polyp"] * 2, *["clinicdb_polyp"] * 2, *["bkai_polyp"] * 3,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["bkai_polyp", "isic2016", *POOLS])
def test_cards_say_the_same_but_for_the_numbers_that_differ(name: str) -> None:
    card, once = get_data_card(name), get_data_card(f"{name}_deduplicated")
    assert (once.twin, once.classes, once.prompt_types) == (
        card.twin, card.classes, card.prompt_types,
    )  # fmt: skip
    assert once.expected_counts == {"test": card.expected_counts["test"]}
    assert not once.overlap
