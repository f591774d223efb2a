"""ImageNet's validation pictures, flat or by synset: the same set without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_layouts import write_camelyon, write_imagenet_val, write_picture
from PIL import Image

from trainables import data_distance
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.doctor import doctor
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.errors import DatasetError

REF = DataRef(name="imagenet_val")


@pytest.mark.parametrize("synsets", [0, 3])
def test_every_picture_is_opened_for_validation(
    tmp_path: Path, locations: Locations, synsets: int
) -> None:
    prepare("imagenet_val", write_imagenet_val(tmp_path / "val", 7, synsets), locations)
    opened = load_split(REF, "val", locations)
    names = {str(i).rpartition("/")[2] for i in opened.ids}
    assert names == {f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 8)}
    assert opened.labels.shape == (7, 0)
    assert set(opened.domain_of) == {"imagenet"}


def test_both_layouts_are_the_same_set(tmp_path: Path, locations: Locations) -> None:
    flat = prepare("imagenet_val", write_imagenet_val(tmp_path / "flat", 7), locations)
    nested = prepare("imagenet_val", write_imagenet_val(tmp_path / "nested", 7, 3), locations)
    assert flat.digest == nested.digest


def test_limit_draws_pictures_without_labels(tmp_path: Path, locations: Locations) -> None:
    prepare("imagenet_val", write_imagenet_val(tmp_path / "val", 7), locations)
    limited = load_split(DataRef(name="imagenet_val", limit=4), "val", locations)
    assert len(set(limited.ids)) == 4


@pytest.mark.parametrize("split", ["train", "test"])
def test_there_is_nothing_to_train_or_test_on(
    tmp_path: Path, locations: Locations, split: str
) -> None:
    prepare("imagenet_val", write_imagenet_val(tmp_path / "val", 3), locations)
    with pytest.raises(DatasetError, match=f"imagenet_val/{split}: no picture"):
        load_split(REF, split, locations)  # type: ignore[arg-type]


def test_doctor_counts_pictures_and_asks_for_no_label(tmp_path: Path, locations: Locations) -> None:
    source = write_imagenet_val(tmp_path / "val", 3)
    prepare("imagenet_val", source, locations)
    (counts,) = doctor("imagenet_val", locations, full=True)
    assert (counts.severity, counts.what) == ("warning", "val: 3 pictures instead of 50000")
    (source / "ILSVRC2012_val_00000002.JPEG").write_bytes(b"\xff\xd8")
    problems = doctor("imagenet_val", locations, full=True)
    assert {(p.severity, p.where) for p in problems if p is not problems[0]} == {
        ("error", "ILSVRC2012_val_00000002.JPEG")
    }


def test_grey_and_cmyk_pictures_are_handed_out_in_colour(
    tmp_path: Path, locations: Locations
) -> None:
    # ImageNet has some of both.
    colours = np.random.default_rng(0).integers(0, 256, (4, 5, 4), dtype=np.uint8)
    source = tmp_path / "val"
    source.mkdir()
    for number, mode in enumerate(("L", "CMYK"), start=1):
        path = source / f"ILSVRC2012_val_{number:08d}.JPEG"
        Image.fromarray(colours[..., 0] if mode == "L" else colours, mode).save(path)
    prepare("imagenet_val", source, locations)
    opened = load_split(REF, "val", locations)
    assert [tuple(opened.image(i).shape) for i in range(2)] == [(3, 4, 5)] * 2


def test_folder_without_such_pictures_is_refused(tmp_path: Path, locations: Locations) -> None:
    write_picture(tmp_path / "val" / "n01440764" / "n01440764_10026.JPEG", 0)
    write_picture(tmp_path / "val" / "other" / "ILSVRC2012_val_00000001.JPEG", 1)
    with pytest.raises(DatasetError, match=r"val: there is no ILSVRC2012_val_<8 digits>.JPEG"):
        prepare("imagenet_val", tmp_path / "val", locations)


def test_picture_in_two_places_is_named(tmp_path: Path, locations: Locations) -> None:
    source = write_imagenet_val(tmp_path / "val", 3)
    write_picture(source / "n01440764" / "ILSVRC2012_val_00000002.JPEG", 2)
    with pytest.raises(DatasetError, match=r"val: (n01440764/)?ILSVRC2012_val_00000002.* also "):
        prepare("imagenet_val", source, locations)


def test_distances_are_measured_from_it(tmp_path: Path, locations: Locations) -> None:
    prepare("imagenet_val", write_imagenet_val(tmp_path / "val", 7), locations)
    labels = {"train": [0, 1], "valid": [1, 0], "test": [1, 0, 0]}
    prepare("camelyon", write_camelyon(tmp_path / "pcam", labels), locations)
    config = data_distance.Config(
        backbone=BackboneRef(card="resnet50_twin"),
        data=DataRef(name="camelyon"),
        reference=REF,
        image_size_px=40,
    )
    found = data_distance.run(config, Context.local(tmp_path / "trial", locations))
    assert (found["n"], found["n_reference"]) == (7, 7)
    # All of its pictures are for validation, so a search trial measures from the same.
    search = Context.local(tmp_path / "search", locations, final=False)
    assert data_distance.run(config, search) == {}
