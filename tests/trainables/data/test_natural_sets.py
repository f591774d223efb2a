"""Everyday pictures: binary files, folders and lists, as they are published."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.cards import data_status, get_data_card
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.sets.natural_classes import CIFAR10, FLOWERS, FOODS, IMAGENETTE, STL10
from trainables.data.splits import held_out_tenth
from trainables.errors import DatasetError


def write_cifar(folder: Path, per_class: int = 20) -> dict[str, np.ndarray[Any, Any]]:
    """Write six files; the first pixel of a picture is its label, the second its channel."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    records = {}
    for name in (*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"):
        labels = np.repeat(np.arange(10), per_class // 5).astype(np.uint8)
        pixels = rng.integers(0, 256, (len(labels), 3, 32, 32), dtype=np.uint8)
        pixels[:, :, 0, 0] = labels[:, None]
        pixels[:, :, 0, 1] = np.arange(3)
        records[name] = pixels
        body = np.concatenate([labels[:, None], pixels.reshape(len(labels), -1)], axis=1)
        (folder / name).write_bytes(body.tobytes())
    return records


def write_stl(folder: Path, train: int = 50, test: int = 20) -> np.ndarray[Any, Any]:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", train), ("test", test)):
        upright = rng.integers(0, 256, (n, 3, 96, 96), dtype=np.uint8)
        # Column by column, as MATLAB writes.
        (folder / f"{part}_X.bin").write_bytes(upright.transpose(0, 1, 3, 2).tobytes())
        labels = (np.arange(n) % 10 + 1).astype(np.uint8)
        (folder / f"{part}_y.bin").write_bytes(labels.tobytes())
    return upright


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Every picture is another, or the doctor would find them twice.
    seed = sum(map(ord, str(path)))
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize("folder", ["cifar10", "cifar10/cifar-10-batches-bin"])
def test_cifar_is_read_from_its_binary_files(folder: str, locations: Locations) -> None:
    records = write_cifar(locations.data / folder)
    sizes = {}
    seen = set()
    for split in ("train", "val", "test"):
        images = load_split(DataRef(name="cifar10"), split, locations)  # type: ignore[arg-type]
        pixels = images.images(range(len(images)))
        assert (pixels[:, :, 0, 0].numpy() == images.labels[:, None]).all()
        assert (pixels[:, :, 0, 1].numpy() == np.arange(3)).all()
        sizes[split] = len(images)
        seen |= {p.numpy().tobytes() for p in pixels}
        assert len(set(Counter(images.labels.tolist()).values())) == 1
    assert sizes == {"train": 180, "val": 20, "test": 40}
    assert seen == {picture.tobytes() for pixels in records.values() for picture in pixels}


def test_stl_is_turned_upright_and_counted_from_zero(locations: Locations) -> None:
    upright = write_stl(locations.data / "stl10")
    images = load_split(DataRef(name="stl10"), "test", locations)
    np.testing.assert_array_equal(images.images(range(20)).numpy(), upright)
    assert images.labels.tolist() == [n % 10 for n in range(20)]
    assert len(load_split(DataRef(name="stl10"), "train", locations)) == 50  # 5 of a class


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("cifar10", "data_batch_2.bin", b"", "0 bytes are not whole records of 3073"),
        ("cifar10", "data_batch_2.bin", b"x" * 3072, "3072 bytes are not whole records"),
        ("cifar10", "test_batch.bin", b"\x0b" * 3073, "labels are from 0 to 9, one is 11"),
        ("stl10", "test_y.bin", b"\x00" * 20, "labels are from 1 to 10, one is 0"),
        ("stl10", "test_y.bin", b"\x01" * 19, "has 20 pictures, .* 19"),
        ("stl10", "test_X.bin", b"\x01" * 100, "not whole records of 27648"),
    ],
)
def test_damaged_files_are_named(
    name: str, file: str, content: bytes, message: str, locations: Locations
) -> None:
    (write_cifar if name == "cifar10" else write_stl)(locations.data / name)
    (locations.data / name / file).write_bytes(content)
    split = "test" if "test" in file else "train"
    with pytest.raises(DatasetError, match=message):
        load_split(DataRef(name=name), split, locations)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["cifar10", "stl10"])
def test_absent_files_are_asked_for(name: str, locations: Locations) -> None:
    status = data_status(name, locations)
    assert not status.present
    assert "binary" in status.reason
    assert str(locations.data / name) in status.reason


def test_the_digest_follows_the_content_of_packed_files(locations: Locations) -> None:
    write_cifar(locations.data / "cifar10")
    before = data_status("cifar10", locations).digest
    path = locations.data / "cifar10/data_batch_1.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    assert data_status("cifar10", locations).digest != before


def test_imagenette_tests_on_its_validation_folder(locations: Locations, tmp_path: Path) -> None:
    for synset in IMAGENETTE:
        for n in range(11):
            write_picture(tmp_path / f"train/{synset}/{synset}_{n}.JPEG")
        write_picture(tmp_path / f"val/{synset}/ILSVRC2012_val_0000{n}.JPEG")
    assert prepare("imagenette", tmp_path, locations).counts == {
        "train": 100,
        "val": 10,
        "test": 10,
    }
    images = load_split(DataRef(name="imagenette"), "test", locations)
    place = dict(zip(images.ids.tolist(), images.labels.tolist(), strict=True))
    assert {name.split("/")[1]: label for name, label in place.items()} == {
        synset: label for label, synset in enumerate(IMAGENETTE)
    }


def test_imagenette_without_a_synset_is_refused(locations: Locations, tmp_path: Path) -> None:
    write_picture(tmp_path / "train/n01440764/a.JPEG")
    with pytest.raises(DatasetError, match="n02102040 is missing"):
        prepare("imagenette", tmp_path, locations)


def write_foods(source: Path, train: int = 10) -> None:
    (source / "meta").mkdir(parents=True)
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for name in FOODS:
        for n in range(train + 1):
            write_picture(source / f"images/{name}/{n}.jpg")
            lists["train" if n < train else "test"].append(f"{name}/{n}")
    for part, lines in lists.items():
        (source / f"meta/{part}.txt").write_text("\n".join(lines) + "\n")


def test_food_is_read_from_its_lists(locations: Locations, tmp_path: Path) -> None:
    write_foods(tmp_path)
    assert prepare("food101", tmp_path, locations).counts == {"train": 909, "val": 101, "test": 101}
    images = load_split(DataRef(name="food101"), "val", locations)
    for name, label in zip(images.ids, images.labels, strict=True):
        assert name.split("/")[1] == FOODS[label]


def test_lists_of_other_foods_are_refused(locations: Locations, tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    with pytest.raises(DatasetError, match=r"train\.txt: cannot be read"):
        prepare("food101", tmp_path, locations)
    (tmp_path / "meta/train.txt").write_text("bread/1\n")
    with pytest.raises(DatasetError, match=r"line 1: 'bread/1' is of no class"):
        prepare("food101", tmp_path, locations)
    (tmp_path / "meta/train.txt").write_text("waffles/1\n")
    with pytest.raises(DatasetError, match=r"no picture images/waffles/1\.jpg"):
        prepare("food101", tmp_path, locations)


def write_flowers(source: Path, **changes: Any) -> None:
    source.mkdir(exist_ok=True)
    labels = np.tile(np.arange(1, 103), 3)
    parts = {"trnid": range(1, 103), "valid": range(103, 205), "tstid": range(205, 307)}
    values = {"labels": labels, **{k: np.array(v) for k, v in parts.items()}, **changes}
    savemat(source / "imagelabels.mat", {"labels": values["labels"]})
    savemat(source / "setid.mat", {k: v for k, v in values.items() if k in parts and v is not None})
    if not (source / "jpg").exists():
        for number in range(1, 307):
            write_picture(source / f"jpg/image_{number:05d}.jpg")


def test_flowers_have_the_splits_of_their_authors(locations: Locations, tmp_path: Path) -> None:
    write_flowers(tmp_path)
    counts = {"train": 102, "val": 102, "test": 102}
    assert prepare("flowers102", tmp_path, locations).counts == counts
    images = load_split(DataRef(name="flowers102"), "val", locations)
    for name, label in zip(images.ids, images.labels, strict=True):
        assert int(name.split("_")[-1].removesuffix(".jpg")) - 103 == label


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.full(306, 103)}, "103 is no class from 1 to 102"),
        ({"labels": np.arange(1, 50)}, "'trnid' names picture 50 of 49"),
        ({"valid": None}, "with 'valid'"),
        ({"trnid": np.arange(2, 103)}, "no training picture of class 'flower 1'"),
    ],
)
def test_tables_of_flowers_that_contradict_are_refused(
    changes: dict[str, Any], message: str, locations: Locations, tmp_path: Path
) -> None:
    write_flowers(tmp_path, **changes)
    with pytest.raises(DatasetError, match=message):
        prepare("flowers102", tmp_path, locations)


def test_mutated_tables_of_flowers_give_no_traceback(locations: Locations, tmp_path: Path) -> None:
    write_flowers(tmp_path)
    path = tmp_path / "setid.mat"
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    messages = set()
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 4):
            content[place] = int(rng.integers(0, 256))
        path.write_bytes(content[: int(rng.integers(1, len(content) + 1))])
        try:
            prepare("flowers102", tmp_path, locations)
        except DatasetError as error:
            messages.add(str(error))
    assert len(messages) > 3
    assert all(str(tmp_path) in message for message in messages)


def test_a_tenth_of_every_class_is_held_out_the_same_way_every_time() -> None:
    labels = [0] * 25 + [1] * 10 + [2] * 9
    held_out = held_out_tenth(labels)
    assert Counter(labels[row] for row in held_out) == {0: 2, 1: 1}
    assert held_out == held_out_tenth(labels)
    assert held_out != held_out_tenth(labels, seed=1)


def test_classes_are_as_many_as_the_sets_are_called_after() -> None:
    assert [len(names) for names in (CIFAR10, STL10, IMAGENETTE)] == [10, 10, 10]
    assert (len(FOODS), len(FLOWERS)) == (101, 102)
    assert list(FOODS) == sorted(set(FOODS))
    assert get_data_card("food101").classes[0] == "apple_pie"
