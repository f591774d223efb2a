"""Every check of the doctor, each against a set with exactly that fault planted."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_samples import AptosFolder, write_files
from PIL import Image

from trainables.context import Locations
from trainables.data.atomic_file import sha256_of
from trainables.data.cards import get_data_card
from trainables.data.doctor import Problem, doctor
from trainables.data.manifest import (
    MANIFEST,
    Row,
    in_content_order,
    read_manifest,
    read_prepared,
    write_manifest,
    write_prepared,
)
from trainables.data.prepare import prepare
from trainables.data.problem import label_fault
from trainables.data.sets.fashion_mnist import FashionMnistSource


@pytest.fixture
def source(aptos_folder: AptosFolder, locations: Locations) -> Path:
    folder = aptos_folder(rows=20)
    prepare("aptos2019", folder, locations)
    return folder


def findings(locations: Locations, full: bool = True) -> list[Problem]:
    """Return what the doctor says, but for the counts (20 pictures are not 3662)."""
    problems = doctor("aptos2019", locations, full)
    assert "instead of 2564" in problems[0].what
    return problems[1:]


def edit(locations: Locations, change: Callable[[list[Row]], list[Row]]) -> None:
    """Change the manifest and its digest, as a faulty preparation would have written them."""
    folder = locations.data / "aptos2019"
    rows = change(read_manifest(folder / MANIFEST))
    write_manifest(folder, rows)
    prepared = read_prepared(folder)
    assert prepared is not None
    write_prepared(dataclasses.replace(prepared, digest=in_content_order(rows)[0]))


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("full", [False, True])
def test_healthy_set_has_only_the_count_warning(locations: Locations, full: bool) -> None:
    assert findings(locations, full) == []
    assert doctor("aptos2019", locations, full)[0].severity == "warning"


def test_absent_set_is_one_error(locations: Locations) -> None:
    problem = only(doctor("aptos2019", locations))
    assert problem.severity == "error"
    assert "xenograft prepare" in problem.what


@pytest.mark.parametrize("full", [False, True])
def test_missing_file(source: Path, locations: Locations, full: bool) -> None:
    (source / "train_images" / "eye004.png").unlink()
    problem = only(findings(locations, full))
    assert (problem.severity, problem.where) == ("error", "train_images/eye004.png")
    assert "missing" in problem.what


def test_truncated_picture(source: Path, locations: Locations) -> None:
    path = source / "train_images" / "eye004.png"
    path.write_bytes(path.read_bytes()[:120])
    prepare("aptos2019", source, locations)
    problem = only(findings(locations))
    assert (problem.severity, problem.where) == ("error", "train_images/eye004.png")
    assert "cannot be read as a picture" in problem.what


def test_file_that_is_no_picture_is_found_without_decoding_all(
    source: Path, locations: Locations
) -> None:
    (source / "train_images" / "eye004.png").write_text("<html>404</html>")
    prepare("aptos2019", source, locations)
    assert "cannot be read as a picture" in only(findings(locations, full=False)).what


def test_changed_file(source: Path, locations: Locations) -> None:
    Image.new("RGB", (8, 8)).save(source / "train_images" / "eye004.png")
    problem = only(findings(locations))
    assert (problem.severity, problem.where) == ("error", "train_images/eye004.png")
    assert "changed" in problem.what


def test_altered_manifest(source: Path, locations: Locations) -> None:
    rows = read_manifest(locations.data / "aptos2019" / MANIFEST)
    write_manifest(source.parent / "data" / "aptos2019", [*rows[:-1]])
    problem = doctor("aptos2019", locations)[0]
    assert problem.severity == "error"
    assert "altered since it was prepared" in problem.what


@pytest.mark.parametrize(("same_split", "severity"), [(True, "warning"), (False, "error")])
def test_duplicate_pictures(
    source: Path, locations: Locations, same_split: bool, severity: str
) -> None:
    rows = read_manifest(locations.data / "aptos2019" / MANIFEST)
    first = rows[0]
    other = next(r for r in rows[1:] if (r.split == first.split) is same_split)
    shutil.copy(source / first.path, source / other.path)
    prepare("aptos2019", source, locations)
    problem = only(findings(locations))
    assert problem.severity == severity
    assert problem.where == first.path
    assert other.path in problem.what


@pytest.mark.usefixtures("source")
def test_patient_in_two_splits(locations: Locations) -> None:
    def tear(rows: list[Row]) -> list[Row]:
        train = next(i for i, r in enumerate(rows) if r.split == "train")
        test = next(i for i, r in enumerate(rows) if r.split == "test")
        whole = [i for i, r in enumerate(rows) if r.split == "val"]
        groups = {train: "p7", test: "p7", **dict.fromkeys(whole, "p8")}
        return [dataclasses.replace(r, group=groups.get(i, "")) for i, r in enumerate(rows)]

    edit(locations, tear)
    problem = only(findings(locations))
    assert (problem.severity, problem.where) == ("error", "group p7")
    assert "test and train" in problem.what


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"label": 5}, "label 5 is not one of 0 to 4"),
        ({"label": None}, "label None"),
        ({"domain": "elsewhere"}, "domain 'elsewhere' is not on the card"),
        ({"mask": "masks/1.png"}, "its mask masks/1.png is missing"),
    ],
)
def test_row_that_contradicts_the_card(
    locations: Locations, change: dict[str, object], what: str
) -> None:
    edit(locations, lambda rows: [dataclasses.replace(rows[0], **change), *rows[1:]])  # type: ignore[arg-type]
    problem = only(findings(locations))
    assert problem.severity == "error"
    assert what in problem.what


def test_odd_image_mode(source: Path, locations: Locations) -> None:
    grey = np.random.default_rng(77).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(grey).save(source / "train_images" / "eye004.png")
    prepare("aptos2019", source, locations)
    problem = only(findings(locations))
    assert problem.severity == "warning"
    assert "mode L where RGB is expected (1 such pictures)" in problem.what


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (lambda mask: Image.new("L", (3, 3)).save(mask), "(3, 3) pixels, the picture (10, 8)"),
        (lambda mask: Image.new("L", (10, 8), 7).save(mask), "has changed since"),
        (lambda mask: Image.new("RGB", (10, 8)).save(mask), "one channel of 8 bits"),
        (lambda mask: mask.write_text("<html>"), "cannot be read"),
    ],
)
def test_mask_that_does_not_fit(
    source: Path, locations: Locations, fault: Callable[[Path], None], what: str
) -> None:
    Image.new("L", (10, 8)).save(source / "mask.png")
    content = {"mask": "mask.png", "mask_sha256": sha256_of(source / "mask.png")}
    edit(locations, lambda rows: [dataclasses.replace(rows[0], **content), *rows[1:]])
    assert findings(locations) == []
    fault(source / "mask.png")
    assert what in " ".join(problem.what for problem in findings(locations))


@pytest.mark.usefixtures("source")
def test_corrupt_manifest_is_one_error(locations: Locations) -> None:
    (locations.data / "aptos2019" / MANIFEST).write_bytes(b"PAR1")
    problem = only(doctor("aptos2019", locations))
    assert problem.severity == "error"
    assert MANIFEST in problem.what


@pytest.fixture
def fashion(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Path:
    nowhere = FashionMnistSource(system_folder=Path("/nonexistent"))
    monkeypatch.setattr("trainables.data.sets.fashion_mnist.SOURCE", nowhere)
    monkeypatch.setattr("trainables.data.sets.fashion_mnist._VALIDATION", 10)
    return locations.data / "fashion_mnist"


def test_array_set_with_wrong_label_and_leak_between_splits(
    fashion: Path, locations: Locations
) -> None:
    rng = np.random.default_rng(0)
    train_nhw = rng.integers(0, 256, (60, 28, 28), dtype=np.uint8)
    test_nhw = rng.integers(0, 256, (10, 28, 28), dtype=np.uint8)
    test_nhw[3] = train_nhw[7]
    labels = np.arange(60, dtype=np.uint8) % 10
    labels[5] = 10
    write_files(fashion, train_nhw, labels, test_nhw, labels[10:20])
    counts, label, leak = doctor("fashion_mnist", locations)
    assert counts.severity == "warning"
    assert "train: 50 pictures instead of 50000" in counts.what
    assert label.severity == "error"
    assert label.where.endswith("train-00005")
    assert "label 10 is not one of 0 to 9" in label.what
    assert leak.severity == "error"
    assert "test/test-00003" in leak.what


@pytest.mark.parametrize(
    ("labels", "healthy"),
    [([0.0, 1.0, 1.0, 0.0, 0.0], True), ([0, 1, 2, 0, 0], False), ([0, 1], False), (1, False)],
)
def test_labels_of_a_multilabel_set_are_zeros_and_ones(
    labels: list[float] | int, healthy: bool
) -> None:
    card = dataclasses.replace(get_data_card("fundus"), task="multilabel")
    assert (label_fault(card, labels) == "") is healthy
