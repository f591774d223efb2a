"""Every check of cases and their masks, each against a set with exactly that fault planted."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from segmentation_samples import entry, save_mask, save_picture, write_cases, write_set

from trainables.context import Locations
from trainables.data.atomic_file import sha256_of
from trainables.data.doctor import Problem, doctor
from trainables.data.manifest import (
    MANIFEST,
    in_content_order,
    read_manifest,
    read_prepared,
    write_manifest,
    write_prepared,
)
from trainables.data.prepare import prepare
from trainables.data.sets.segmentation_sets import BY_NAME


def findings(name: str, root: Path, locations: Locations) -> list[Problem]:
    """Prepare a set and return what the doctor says, but for its size."""
    prepare(name, root, locations)
    problems = doctor(name, locations, full=True)
    assert "instead of" in problems[0].what
    return problems[1:]


def take_as_prepared(mask: Path, locations: Locations) -> None:
    """Write the hash of a changed mask of 'dfu' where the preparation would have."""
    folder = locations.data / "dfu"
    rows = [
        replace(row, mask_sha256=sha256_of(mask)) if row.mask.endswith(mask.name) else row
        for row in read_manifest(folder / MANIFEST)
    ]
    write_manifest(folder, rows)
    prepared = read_prepared(folder)
    assert prepared is not None
    write_prepared(replace(prepared, digest=in_content_order(rows)[0]))


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize("name", ["dfu", "camus", "chexlocalize", "busi_tumours"])
def test_healthy_set_has_only_the_count_warning(
    name: str, tmp_path: Path, locations: Locations
) -> None:
    """Pictures of several cases are no duplicates."""
    write_set(tmp_path / "root", name)
    assert findings(name, tmp_path / "root", locations) == []


def test_empty_masks_are_counted_by_class(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "busi")
    save_mask(folder / "masks" / "3_benign.png", 0, empty=True)
    problem = only(findings("busi", tmp_path / "root", locations))
    assert problem.severity == "warning"
    # 24 cases, a third of them normal.
    assert problem.what.startswith("9 of 24 masks read show nothing")
    assert problem.what.endswith("(1 benign, 8 normal)")


@pytest.mark.parametrize(
    ("mode", "size", "colour", "severity", "what"),
    [
        ("L", (10, 8), 1, "error", "brightest level is 1"),
        ("L", (3, 8), 255, "error", "(3, 8) pixels"),
        ("L", (10, 8), 160, "warning", "1 of 4 masks read have many levels"),
        ("RGB", (10, 8), (255, 255, 0), "warning", "have colours"),
    ],
)
def test_mask_of_another_kind(
    mode: str,
    size: tuple[int, int],
    colour: int | tuple[int, int, int],
    severity: str,
    what: str,
    tmp_path: Path,
    locations: Locations,
) -> None:
    folder = write_set(tmp_path / "root", "dfu", (2, 1, 1))
    mask = folder / "masks" / "2_m.png"
    prepare("dfu", tmp_path / "root", locations)
    Image.new(mode, size, colour).save(mask)
    take_as_prepared(mask, locations)
    problem = only(doctor("dfu", locations, full=True)[1:])
    assert problem.severity == severity
    assert "2_m.png" in f"{problem.where} {problem.what}"
    assert what in problem.what


def test_missing_mask_is_one_error(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "dfu", (2, 1, 1))
    prepare("dfu", tmp_path / "root", locations)
    (folder / "masks" / "1_m.png").unlink()
    _, problem = doctor("dfu", locations)
    assert (problem.severity, problem.where) == ("error", "dfu/images/1.png")
    assert "1_m.png is missing" in problem.what


def test_jpeg_masks_are_neither_soft_nor_coloured(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "dfu", (1, 1, 1))
    mask_hw = np.zeros((80, 100), dtype=np.uint8)
    mask_hw[20:60, 30:70] = 255
    Image.fromarray(mask_hw).convert("RGB").save(folder / "masks" / "big.jpg", quality=75)
    save_picture(folder / "images" / "big.png", 99)
    noise = np.random.default_rng(1).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "images" / "big.png")
    write_cases(folder, "test", [entry("big.png", "big.jpg", BY_NAME["dfu"].prompt_types)])
    assert findings("dfu", tmp_path / "root", locations) == []


@pytest.mark.parametrize(("name", "severity"), [("bkai_polyp", "warning"), ("dfu", "error")])
def test_overlap_of_splits_is_an_error_but_where_the_card_expects_it(
    name: str, severity: str, tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", name, (3, 1, 1))
    shutil.copy(folder / "images" / "0.png", folder / "images" / "4.png")
    problem = only(findings(name, tmp_path / "root", locations))
    assert problem.severity == severity
    assert f"{name}/images/4.png (test and train)" in problem.what
    assert ("expected: the released lists" in problem.what) is (severity == "warning")


def test_case_that_is_listed_twice_is_a_warning(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "bkai_polyp", (3, 1, 1))
    path = folder / "anns" / "train.json"
    cases = json.loads(path.read_text())
    path.write_text(json.dumps([*cases, cases[1]]))
    problem = only(findings("bkai_polyp", tmp_path / "root", locations))
    assert (problem.severity, problem.where) == ("warning", "bkai_polyp/images/1.png")
    assert "same content as bkai_polyp/images/1.png (train)" in problem.what


def test_patient_of_chexlocalize_in_two_splits_is_an_error(
    tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "chexlocalize")
    stem = "patient00000_study2_view1_frontal"
    save_picture(folder / "images" / f"{stem}.jpg", 77)
    save_mask(folder / "masks" / f"{stem}_edema.png", 3)
    types = BY_NAME["chexlocalize"].prompt_types
    write_cases(folder, "test", [entry(f"{stem}.jpg", f"{stem}_edema.png", types)])
    problem = only(findings("chexlocalize", tmp_path / "root", locations))
    assert (problem.severity, problem.where) == ("error", "group patient00000")


def test_patients_of_camus_start_again_in_the_test_part(
    tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "camus", (3, 3, 3))
    train = json.loads((folder / "anns" / "train.json").read_text())
    write_cases(folder, "test", train)
    save_picture(folder / "images" / "test" / train[0]["img_name"], 123)
    for case in train:
        save_mask(folder / "masks" / "test" / case["mask_name"], 4)
    problems = findings("camus", tmp_path / "root", locations)
    assert [problem for problem in problems if "group" in problem.where] == []


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"prompts": {"p3": " "}}, "1_m.png", "1 cases have a prompt 'p3' without any text"),
        ({"prompts": {"p8": ["a", ""]}}, "1_m.png", "a prompt 'p8' without any text"),
        ({"mask_name": "0_m.png"}, "0_m.png", "the mask of dfu/images/0.png and dfu/images/1.png"),
    ],
)
def test_odd_annotation_is_a_warning(
    change: dict[str, Any], where: str, what: str, tmp_path: Path, locations: Locations
) -> None:
    folder = write_set(tmp_path / "root", "dfu", (3, 1, 1))
    path = folder / "anns" / "train.json"
    cases = json.loads(path.read_text())
    cases[1] |= {**change, "prompts": cases[1]["prompts"] | change.get("prompts", {})}
    path.write_text(json.dumps(cases))
    problem = only(findings("dfu", tmp_path / "root", locations))
    assert (problem.severity, problem.where) == ("warning", f"dfu/masks/{where}")
    assert what in problem.what


def test_prompts_in_another_order_are_a_warning(tmp_path: Path, locations: Locations) -> None:
    folder = write_set(tmp_path / "root", "dfu", (3, 1, 1))
    path = folder / "anns" / "train.json"
    cases = json.loads(path.read_text())
    cases[2]["prompts"] = dict(reversed(cases[2]["prompts"].items()))
    path.write_text(json.dumps(cases))
    problem = only(findings("dfu", tmp_path / "root", locations))
    assert (problem.severity, problem.where) == ("warning", "dfu/masks/2_m.png")
    assert "drawn from all types but the first" in problem.what
