"""Preparing APTOS 2019: from the user's folder to an open split."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_samples import AptosFolder
from PIL import Image

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.cards import data_status
from trainables.data.manifest import MANIFEST, Row, read_manifest, write_manifest
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.prepared import PreparedSource
from trainables.data.splits import shuffled_split
from trainables.errors import DatasetError, StorageError


def test_prepared_set_opens_with_its_labels_and_pictures(
    aptos_folder: AptosFolder, locations: Locations
) -> None:
    source = aptos_folder(rows=20)
    steps: list[tuple[int, int]] = []
    prepared = prepare("aptos2019", source, locations, lambda done, of: steps.append((done, of)))
    assert prepared.rows == 20
    assert prepared.counts == {"train": 14, "val": 3, "test": 3}
    assert "train: 14 pictures instead of 2564" in prepared.differs
    assert steps == [(n, 20) for n in range(1, 21)]
    assert data_status("aptos2019", locations).digest == prepared.digest
    val = load_split(DataRef(name="aptos2019"), "val", locations)
    wanted = [f"train_images/eye{row:03d}.png" for row in shuffled_split(20, 0.3)["val"]]
    assert sorted(val.ids) == sorted(wanted)
    for index, name in enumerate(val.ids):
        assert val.labels[index] == int(name[-7:-4]) % 5
        with Image.open(source / name) as image:
            np.testing.assert_array_equal(
                val.image(index).numpy(), np.asarray(image).transpose(2, 0, 1)
            )


def test_hashes_are_those_of_the_files(aptos_folder: AptosFolder, locations: Locations) -> None:
    source = aptos_folder(rows=3)
    prepared = prepare("aptos2019", source, locations)
    for row in read_manifest(prepared.folder / "manifest.parquet"):
        assert row.sha256 == hashlib.sha256((source / row.path).read_bytes()).hexdigest()


def test_preparing_again_or_elsewhere_gives_the_same_digest(
    aptos_folder: AptosFolder, locations: Locations, tmp_path: Path
) -> None:
    source = aptos_folder()
    first = prepare("aptos2019", source, locations)
    assert prepare("aptos2019", source, locations) == first
    moved = Path(shutil.move(source, tmp_path / "moved"))
    status = data_status("aptos2019", locations)
    assert not status.present
    assert str(source) in status.reason
    assert prepare("aptos2019", moved, locations).digest == first.digest
    assert data_status("aptos2019", locations).present


def test_changed_picture_changes_the_digest(
    aptos_folder: AptosFolder, locations: Locations
) -> None:
    source = aptos_folder()
    first = prepare("aptos2019", source, locations)
    Image.new("RGB", (4, 4)).save(source / "train_images" / "eye000.png")
    assert prepare("aptos2019", source, locations).digest != first.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("eye003,3", "eye003,5", r"train.csv, line 5: diagnosis '5'"),
        ("eye003,3", "eye003,", r"train.csv, line 5: diagnosis ''"),
        ("eye003,3", "lost,3", r"train.csv, line 5: there is no picture train_images/lost.png"),
        ("eye003,3", "eye002,2", r"line 5: 'eye002' is listed twice"),
        ("diagnosis", "grade", r"train.csv: there is no column 'diagnosis' \(found: id_code, gra"),
    ],
)
def test_fault_in_the_table_names_file_and_line(
    aptos_folder: AptosFolder, locations: Locations, old: str, new: str, message: str
) -> None:
    source = aptos_folder()
    table = source / "train.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(DatasetError, match=message):
        prepare("aptos2019", source, locations)
    assert not locations.data.exists()


def test_missing_table_and_missing_folder_are_named(tmp_path: Path, locations: Locations) -> None:
    with pytest.raises(DatasetError, match=r"train.csv is missing"):
        prepare("aptos2019", tmp_path, locations)
    with pytest.raises(DatasetError, match="nowhere is not a folder"):
        prepare("aptos2019", tmp_path / "nowhere", locations)


@pytest.mark.parametrize("name", ["fundus", "fashion_mnist"])
def test_sets_that_need_no_preparation_say_so(
    name: str, tmp_path: Path, locations: Locations
) -> None:
    with pytest.raises(DatasetError, match="needs no preparation"):
        prepare(name, tmp_path, locations)


def test_unwritable_data_folder_is_a_storage_error(
    aptos_folder: AptosFolder, locations: Locations
) -> None:
    locations.data.write_text("a file in the way")
    with pytest.raises(StorageError, match="data/aptos2019"):
        prepare("aptos2019", aptos_folder(), locations)


def test_damaged_preparation_is_absent_with_the_remedy(
    aptos_folder: AptosFolder, locations: Locations
) -> None:
    prepared = prepare("aptos2019", aptos_folder(), locations)
    (prepared.folder / "card.json").write_text("{")
    status = data_status("aptos2019", locations)
    assert not status.present
    assert "xenograft prepare" in status.reason


Scan = Callable[[Path], list[Row]]


def prepare_with(scan: Scan, source: Path, locations: Locations, patch: pytest.MonkeyPatch) -> str:
    patch.setattr("trainables.data.sets.aptos2019.SOURCE", PreparedSource(scan=scan))
    return prepare("aptos2019", source, locations).digest


def pictures(source: Path, names: list[str]) -> list[Row]:
    """Write one picture per name, always the same ones in this order, and list them."""
    source.mkdir()
    for number, name in enumerate(names):
        pixels_hw = np.random.default_rng(number).integers(0, 256, (4, 6), dtype=np.uint8)
        Image.fromarray(pixels_hw).save(source / f"{name}.png")
        Image.fromarray((pixels_hw > 100).astype(np.uint8)).save(source / f"{name}_mask.png")
    return [
        Row(
            path=f"{name}.png",
            split="train",
            domain="aptos2019",
            label=number,
            captions=(f"grade {number}", "an eye"),
            mask="" if number == 2 else f"{name}_mask.png",
        )
        for number, name in enumerate(names)
    ]


def test_sets_of_one_digest_have_one_order_whatever_their_files_are_called(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stored features are looked up by the digest, so their rows must mean the same pictures.
    digests, opened = [], []
    for folder, names in (("one", ["a", "b", "c"]), ("two", ["z", "y", "x"])):
        rows = pictures(tmp_path / folder, names)
        by_name = sorted(rows, key=lambda row: row.path)
        digests.append(
            prepare_with(lambda _, r=by_name: r, tmp_path / folder, locations, monkeypatch)  # type: ignore[misc]
        )
        train = load_split(DataRef(name="aptos2019"), "train", locations)
        opened.append([train.image(i).numpy().tobytes() for i in range(3)])
    assert digests[0] == digests[1]
    assert opened[0] == opened[1]


def test_captions_and_masks_stay_with_their_pictures(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pictures(tmp_path / "eyes", ["a", "b", "c"])
    prepare_with(lambda _: rows, tmp_path / "eyes", locations, monkeypatch)
    train = load_split(DataRef(name="aptos2019"), "train", locations)
    where = {int(label): index for index, label in enumerate(train.labels)}
    part = train.subset([where[2], where[1]])
    assert part.captions_of(0) == ("grade 2", "an eye")
    with Image.open(tmp_path / "eyes" / "b.png") as picture:
        expected_hw = (np.asarray(picture) > 100).astype(np.uint8)
    np.testing.assert_array_equal(part.mask(1).numpy(), expected_hw)
    with pytest.raises(DatasetError, match="has no mask"):
        part.mask(0)


def test_changed_mask_changes_the_digest(
    tmp_path: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pictures(tmp_path / "eyes", ["a", "b"])
    first = prepare_with(lambda _: rows, tmp_path / "eyes", locations, monkeypatch)
    Image.new("L", (6, 4), 1).save(tmp_path / "eyes" / "a_mask.png")
    assert prepare_with(lambda _: rows, tmp_path / "eyes", locations, monkeypatch) != first


def test_altered_manifest_is_not_opened(aptos_folder: AptosFolder, locations: Locations) -> None:
    prepared = prepare("aptos2019", aptos_folder(), locations)
    rows = read_manifest(prepared.folder / MANIFEST)
    write_manifest(prepared.folder, rows[:-1])
    with pytest.raises(DatasetError, match=r"manifest.parquet was altered .*xenograft prepare"):
        load_split(DataRef(name="aptos2019"), "train", locations)
