"""Sets of MedVLSM in their layout: prepared, opened, and refused with one message each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from segmentation_samples import entry, save_mask, save_picture, write_cases, write_set

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.card import SPLITS, Split
from trainables.data.cards import get_data_card, reference_status
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.sets.segmentation_sets import (
    BY_NAME,
    CHANNELS,
    POOLS,
    SEGMENTATION_SETS,
    pooled_class,
)
from trainables.errors import DatasetError


def test_sizes_are_those_that_the_paper_pools() -> None:
    def total(split: Split, names: tuple[str, ...]) -> int:
        return sum(get_data_card(name).expected_counts[split] for name in names)

    assert (total("train", POOLS["pooled_polyp"]), total("val", POOLS["pooled_polyp"])) == (
        2090,
        261,
    )
    assert (total("train", POOLS["pooled_all"]), total("val", POOLS["pooled_all"])) == (11203, 1675)
    only_tested = tuple(known.name for known in SEGMENTATION_SETS if known.only_tested)
    assert only_tested == ("cvc300_polyp", "colondb_polyp", "etis_polyp")
    assert total("test", (*POOLS["pooled_polyp"], *only_tested)) == 897
    assert total("test", (*POOLS["pooled_all"], *only_tested)) == 2606
    assert BY_NAME["busi_tumours"].counts == {"train": 517, "val": 65, "test": 65}


def test_prompt_types_make_the_papers_grid_of_72_and_83() -> None:
    trained = [BY_NAME[name].prompts for name in POOLS["pooled_all"]]
    assert sum(trained) == 72
    assert sum(trained) + BY_NAME["kvasir_polyp"].prompts + 1 == 83


def test_classes_of_the_pooled_network_are_seventeen_channels() -> None:
    assert len(CHANNELS) == 17
    assert get_data_card("pooled_all").classes == CHANNELS
    assert get_data_card("pooled_polyp").classes == ("polyp",)
    assert [pooled_class("busi_twin", label) for label in range(3)] == ["tumor"] * 3
    assert pooled_class("camus", 1) == CHANNELS[4] == "myocardium"
    for known in SEGMENTATION_SETS:
        assert set(known.channels) <= set(CHANNELS)
        assert len(known.channels) == len(known.classes)


@pytest.mark.parametrize("name", [n for n in BY_NAME if not BY_NAME[n].only_tested])
def test_every_case_is_opened_with_its_mask_class_and_prompts(
    name: str, tmp_path: Path, locations: Locations
) -> None:
    known = BY_NAME[name]
    folder = write_set(tmp_path / "root", name)
    prepared = prepare(name, tmp_path / "root", locations)
    assert prepared.differs
    for split in SPLITS:
        listed = json.loads((folder / "anns" / f"{split}.json").read_text())
        if name == "busi_tumours":
            listed = [case for case in listed if "normal" not in case["mask_name"]]
        cases = load_split(DataRef(name=name), split, locations)
        assert len(cases) == len(set(cases.ids)) == len(listed)
        part = "" if name != "camus" else "test/" if split == "test" else "train/"
        by_id = {part + case["mask_name"].rsplit(".", 1)[0]: case for case in listed}
        for index, case_id in enumerate(cases.ids):
            case = by_id[case_id]
            mask_hw = np.array(Image.open(folder / "masks" / f"{part}{case['mask_name']}"))
            np.testing.assert_array_equal(cases.mask(index).numpy(), mask_hw)
            picture = np.array(Image.open(folder / "images" / f"{part}{case['img_name']}"))
            if picture.ndim == 3:
                np.testing.assert_array_equal(
                    cases.image(index).numpy(), picture.transpose(2, 0, 1)
                )
            assert cases.picture_of(index).endswith(f"/images/{part}{case['img_name']}")
            assert tuple(cases.prompts_of(index)) == known.prompt_types
            for kind, given in case["prompts"].items():
                assert cases.prompts_of(index)[kind] == tuple(
                    given if isinstance(given, list) else [given]
                )


@pytest.mark.parametrize(
    ("name", "case", "expected"),
    [
        ("camus", "test/mask_3/patient0007_2CH_ED", "atrium"),
        ("busi", "19_malignant", "malignant"),
        ("busi", "20_normal", "normal"),
        ("busi_tumours", "18_benign", "benign"),
        ("chexlocalize", "patient00009_study1_view1_frontal_edema", "edema"),
    ],
)
def test_class_is_told_by_the_names_of_the_files(
    name: str, case: str, expected: str, tmp_path: Path, locations: Locations
) -> None:
    write_set(tmp_path / "root", name)
    prepare(name, tmp_path / "root", locations)
    cases = load_split(DataRef(name=name), "test", locations)
    index = cases.ids.tolist().index(case)
    assert cases.classes[cases.labels[index]] == expected


def test_names_of_findings_may_be_written_with_spaces_and_capitals(
    tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "chexlocalize")
    stem = "patient09999_study1_view1_frontal"
    save_picture(folder / "images" / f"{stem}.jpg", 1)
    save_mask(folder / "masks" / f"{stem}_Airspace Opacity.png", 1)
    types = BY_NAME["chexlocalize"].prompt_types
    write_cases(folder, "val", [entry(f"{stem}.jpg", f"{stem}_Airspace Opacity.png", types)])
    prepare("chexlocalize", tmp_path / "root", locations)
    cases = load_split(DataRef(name="chexlocalize"), "val", locations)
    assert cases.classes[cases.labels[0]] == "airspace_opacity"


def test_set_that_is_only_tested_has_both_lists_in_its_test_split(
    tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "etis_polyp", (4, 0, 6))
    # The authors' validation list is the test list again.
    shutil.copy(folder / "anns" / "test.json", folder / "anns" / "val.json")
    prepare("etis_polyp", tmp_path / "root", locations)
    assert len(load_split(DataRef(name="etis_polyp"), "test", locations)) == 10
    empty: tuple[Split, ...] = ("train", "val")
    for split in empty:
        with pytest.raises(DatasetError, match=f"etis_polyp/{split}: no pictures"):
            load_split(DataRef(name="etis_polyp"), split, locations)


def test_digest_covers_prompts_and_their_order_but_no_place(
    tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "dfu")
    before = prepare("dfu", tmp_path / "root", locations).digest
    shutil.move(tmp_path / "root", tmp_path / "moved")
    assert prepare("dfu", tmp_path / "moved", locations).digest == before
    path = tmp_path / "moved" / "dfu" / "anns" / "test.json"
    cases = json.loads(path.read_text())
    prompts = cases[0]["prompts"]
    cases[0]["prompts"] = dict(reversed(prompts.items()))
    path.write_text(json.dumps(cases))
    reordered = prepare("dfu", tmp_path / "moved", locations).digest
    cases[0]["prompts"] = {**prompts, "p3": "another"}
    path.write_text(json.dumps(cases))
    assert len({before, reordered, prepare("dfu", tmp_path / "moved", locations).digest}) == 3
    assert not folder.exists()


def change(path: Path, number: int, edit: Callable[[dict[str, Any]], object]) -> None:
    cases = json.loads(path.read_text())
    edit(cases[number])
    path.write_text(json.dumps(cases))


def test_missing_prompt_type_names_set_type_and_entry(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "dfu")
    change(folder / "anns" / "val.json", 2, lambda case: case["prompts"].pop("p7"))
    with pytest.raises(DatasetError, match=r"val\.json, entry 2 \(14.png\).*'p7'.*'dfu'"):
        prepare("dfu", tmp_path / "root", locations)


def test_missing_files_are_counted_and_named(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "dfu")
    (folder / "images" / "3.png").unlink()
    (folder / "masks" / "5_m.png").unlink()
    with pytest.raises(DatasetError, match=r"2 of 48 .* missing.* dfu/images/3.png, dfu/masks/5_m"):
        prepare("dfu", tmp_path / "root", locations)


def test_masks_of_zero_and_one_are_refused(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "dfu")
    for mask in (folder / "masks").iterdir():
        Image.fromarray(np.array(Image.open(mask)) // 255).save(mask)
    with pytest.raises(DatasetError, match=r"brightest level is 1.*Write 0 and 1 as 0 and 255"):
        prepare("dfu", tmp_path / "root", locations)


@pytest.mark.parametrize("name", ["camus", "busi", "chexlocalize"])
def test_names_that_tell_no_class_are_refused(
    name: str, tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", name)
    change(
        folder / "anns" / "val.json",
        1,
        lambda case: case.update(img_name="x.png", mask_name="y.png"),
    )
    with pytest.raises(DatasetError, match=r"'x\.png' and mask 'y\.png' do not tell the class"):
        prepare(name, tmp_path / "root", locations)


def test_folder_of_the_set_itself_is_refused_with_the_right_one(
    tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "dfu")
    with pytest.raises(DatasetError, match="is the one that holds 'dfu/'"):
        prepare("dfu", folder, locations)


@pytest.mark.parametrize("beside", [True, False])
def test_cvc300_with_the_cases_of_colondb_is_refused(
    beside: bool, tmp_path: Path, locations: Locations
) -> None:
    """The authors' main branch has one file under both names: found by content or by length."""
    root = tmp_path / "root"
    other = write_set(root, "colondb_polyp", (4, 0, 6) if beside else (20, 0, 360))
    shutil.move(other, root / "cvc300_polyp")
    if beside:
        shutil.copytree(root / "cvc300_polyp", other)
    with pytest.raises(DatasetError, match=r"cases of 'colondb_polyp'.*'cvc300_polyp'.*'old'"):
        prepare("cvc300_polyp", root, locations)


def test_cvc300_beside_another_colondb_is_prepared(tmp_path: Path, locations: Locations) -> None:
    root = tmp_path / "root"
    write_set(root, "colondb_polyp", (4, 0, 6))
    write_set(root, "cvc300_polyp", (2, 0, 4))
    assert prepare("cvc300_polyp", root, locations).counts["test"] == 6
    assert prepare("colondb_polyp", root, locations).counts["test"] == 10


def test_jpeg_masks_and_masks_of_three_channels_are_opened(
    tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "dfu", (1, 1, 2))
    mask_hw = np.zeros((8, 10), dtype=np.uint8)
    mask_hw[:, :5] = 255
    Image.fromarray(mask_hw).save(folder / "masks" / "2.jpg", quality=90)
    other = np.stack([mask_hw, 255 - mask_hw, mask_hw * 0], axis=2)
    Image.fromarray(other).save(folder / "masks" / "3.png")
    types = BY_NAME["dfu"].prompt_types
    write_cases(folder, "test", [entry("2.png", "2.jpg", types), entry("3.png", "3.png", types)])
    prepare("dfu", tmp_path / "root", locations)
    cases = load_split(DataRef(name="dfu"), "test", locations)
    for index in range(2):
        torch.testing.assert_close(cases.mask(index) > 127, torch.from_numpy(mask_hw) > 127)


def test_case_that_is_listed_twice_is_two_cases(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "bkai_polyp", (2, 1, 1))
    path = folder / "anns" / "train.json"
    cases = json.loads(path.read_text())
    path.write_text(json.dumps([*cases, cases[0]]))
    prepare("bkai_polyp", tmp_path / "root", locations)
    ids = load_split(DataRef(name="bkai_polyp"), "train", locations).ids.tolist()
    assert sorted(ids) == ["0_m", "0_m#2", "1_m"]


def test_absent_set_says_where_its_annotations_are(locations: Locations) -> None:
    reason = reference_status(DataRef(name="cvc300_polyp"), locations).reason
    assert "branch 'old'" in reason
    assert "cvc300_polyp/anns" in reason


@pytest.mark.parametrize("name", [*BY_NAME, *POOLS])
def test_twin_has_the_prompt_types_and_channels_of_its_set(name: str) -> None:
    card, twin = get_data_card(name), get_data_card(f"{name}_twin")
    assert (twin.prompt_types, twin.channels) == (card.prompt_types, card.channels)
