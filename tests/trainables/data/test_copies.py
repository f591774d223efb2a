"""Decoded copies of pictures against the files themselves."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from data_samples import AptosFolder
from PIL import Image
from torchvision.transforms import v2

from trainables.config import BackboneRef, DataRef
from trainables.context import Locations
from trainables.data import make_copies as making
from trainables.data.cards import data_status, get_data_card
from trainables.data.copied_pixels import CopiedPixels
from trainables.data.image_set import ImageSet
from trainables.data.make_copies import make_copies
from trainables.data.open import load_split
from trainables.data.pixels import FilePixels
from trainables.data.prepare import prepare
from trainables.data.transforms import EvalTransform
from trainables.engine.inputs import eval_transform
from trainables.errors import ConfigError, DatasetError, SelectionError

ROWS = 20


@pytest.fixture
def folder(aptos_folder: AptosFolder, locations: Locations) -> Path:
    """A prepared set with pictures of several sizes, two of them the same file."""
    source = aptos_folder(rows=ROWS)
    rng = np.random.default_rng(0)
    for row, path in enumerate(sorted((source / "train_images").iterdir())):
        size = (30 + row, 50 - row, 3)
        Image.fromarray(rng.integers(256, size=size, dtype=np.uint8)).save(path)
    first, second = sorted((source / "train_images").iterdir())[:2]
    second.write_bytes(first.read_bytes())
    prepare("aptos2019", source, locations)
    return source


def train(name: str, locations: Locations) -> ImageSet:
    return load_split(DataRef(name=name), "train", locations)


@pytest.mark.usefixtures("folder")
def test_smaller_copies_are_a_set_of_their_own_with_the_same_order_and_labels(
    locations: Locations,
) -> None:
    original = train("aptos2019", locations)
    make_copies("aptos2019", 24, locations, processes=1)
    copies = train("aptos2019@24", locations)
    assert isinstance(copies.pixels, CopiedPixels)
    assert copies.ids.tolist() == original.ids.tolist()
    assert copies.labels.tolist() == original.labels.tolist()
    assert copies.name == "aptos2019@24"
    assert copies.digest != original.digest
    for index in range(len(original)):
        expected = v2.Resize([24], antialias=True)(original.image(index))
        assert torch.equal(copies.image(index), expected)
    assert isinstance(train("aptos2019", locations).pixels, FilePixels)


@pytest.mark.usefixtures("folder")
def test_pictures_that_are_small_already_stay_as_they_are(locations: Locations) -> None:
    original = train("aptos2019", locations)
    make_copies("aptos2019", 40, locations, processes=1)
    copies = train("aptos2019@40", locations)
    sides = [min(original.image(index).shape[1:]) for index in range(len(original))]
    assert min(sides) < 40
    for index in np.flatnonzero(np.array(sides) <= 40).tolist():
        assert torch.equal(copies.image(index), original.image(index))


def test_exact_copies_are_read_instead_of_files_and_change_no_number(
    folder: Path, locations: Locations
) -> None:
    original = train("aptos2019", locations)
    transform = EvalTransform(size_px=16, mean=(0.5,) * 3, std=(0.2,) * 3).build()
    expected = [(original.image(k), transform(original.image(k))) for k in range(len(original))]
    before = data_status("aptos2019", locations).digest
    made = make_copies("aptos2019", None, locations, processes=1)
    assert made.pictures == ROWS - 1
    for path in (folder / "train_images").iterdir():
        path.unlink()
    copies = train("aptos2019", locations)
    assert data_status("aptos2019", locations).digest == before == copies.digest
    for index, (pixels, fed) in enumerate(expected):
        found = copies.image(index)
        assert torch.equal(found, pixels)
        assert found.stride() == pixels.stride()
        assert torch.equal(transform(found), fed)


@pytest.mark.usefixtures("folder")
def test_a_limit_keeps_the_same_pictures_of_copies(locations: Locations) -> None:
    make_copies("aptos2019", 24, locations, processes=1)
    kept = [
        load_split(DataRef(name=name, limit=5), "train", locations).ids.tolist()
        for name in ("aptos2019", "aptos2019@24")
    ]
    assert kept[0] == kept[1]


@pytest.mark.usefixtures("folder")
def test_interrupted_work_goes_on_where_it_was(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "PER_SHARD", 6)
    monkeypatch.setattr("trainables.data.copied_pixels.PER_SHARD", 6)
    write = making._write
    written: list[str] = []

    def dies_at_the_third(shard: making._Shard) -> int:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(shard.target.name)
        return write(shard)

    monkeypatch.setattr(making, "_write", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        make_copies("aptos2019", 24, locations, processes=1)
    assert not data_status("aptos2019@24", locations).present
    steps: list[tuple[int, int]] = []

    def finish(shard: making._Shard) -> int:
        written.append(shard.target.name)
        return write(shard)

    monkeypatch.setattr(making, "_write", finish)
    make_copies("aptos2019", 24, locations, lambda *step: steps.append(step), processes=1)
    assert written == [f"shard-{k:05d}.u8" for k in range(4)]
    assert steps == [(18, 19), (19, 19)]
    original, copies = train("aptos2019", locations), train("aptos2019@24", locations)
    for index in range(len(original)):
        expected = v2.Resize([24], antialias=True)(original.image(index))
        assert torch.equal(copies.image(index), expected)


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_processes_write_what_one_process_writes(
    locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def content(store: Path, processes: int) -> dict[str, str]:
        elsewhere = Locations(data=locations.data, weights=locations.weights, store=store)
        made = make_copies("aptos2019", 24, elsewhere, processes=processes)
        return {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in made.folder.iterdir()
        }

    monkeypatch.setattr(making, "PER_SHARD", 6)
    assert content(tmp_path / "two", 2) == content(tmp_path / "one", 1)


@pytest.mark.usefixtures("folder")
def test_copies_that_are_not_there_say_how_to_make_them(locations: Locations) -> None:
    status = data_status("aptos2019@24", locations)
    assert not status.present
    assert "xenograft prepare aptos2019 --size 24" in status.reason
    made = make_copies("aptos2019", 24, locations, processes=1)
    assert data_status("aptos2019@24", locations).present
    (made.folder / "shard-00000.u8").write_bytes(b"torn")
    assert not data_status("aptos2019@24", locations).present


def test_a_picture_that_changed_is_not_copied(folder: Path, locations: Locations) -> None:
    Image.new("RGB", (40, 40)).save(folder / "train_images" / "eye003.png")
    with pytest.raises(DatasetError, match=r"eye003.png has changed"):
        make_copies("aptos2019", 24, locations, processes=1)


def test_sets_without_files_and_masks_of_another_size_are_refused(locations: Locations) -> None:
    with pytest.raises(DatasetError, match="not prepared from files"):
        make_copies("fundus", 24, locations)
    with pytest.raises(SelectionError, match="no copies of it"):
        data_status("fundus@24", locations)
    with pytest.raises(DatasetError, match="copy them exactly only"):
        make_copies("kvasir_polyp", 24, locations)


@pytest.mark.parametrize("name", ["aptos2019@", "aptos2019@0", "aptos2019@024", "aptos2019@-3"])
def test_a_name_that_says_no_size_is_unknown(name: str) -> None:
    with pytest.raises(SelectionError, match="there is no data set"):
        get_data_card(name)


def test_copies_smaller_than_the_input_are_refused() -> None:
    backbone = BackboneRef(card="resnet18_twin")
    assert eval_transform(backbone, DataRef(name="aptos2019@64"), 64).size_px == 64
    with pytest.raises(ConfigError, match="too small for an input of 65 px"):
        eval_transform(backbone, DataRef(name="aptos2019@64"), 65)
