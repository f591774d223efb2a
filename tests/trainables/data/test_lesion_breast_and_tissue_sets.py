"""ISIC 2019, DDSM and PatchCamelyon from their official layouts; faults name file and line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from data_layouts import DIAGNOSES, write_camelyon, write_ddsm, write_isic, write_picture
from PIL import Image

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.doctor import doctor
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.splits import shuffled_split
from trainables.errors import DatasetError

LISTS = {
    "train": [
        "normal_01-A_0001_1.LEFT_CC.LJPEG.1.jpg",
        "benign_01-B_3099_1.LEFT_CC.LJPEG.1.jpg",
        "cancer_02-C_0007_1.RIGHT_MLO.LJPEG.1.jpg",
        "benign_without_callback_01-B_3167_1.LEFT_CC.LJPEG.1.jpg",
    ],
    "val": ["normal_07-D_0002_1.LEFT_CC.LJPEG.1.jpg", "cancer_02-C_0008_1.LEFT_CC.LJPEG.1.jpg"],
    "test": ["normal_07-D_0003_1.LEFT_CC.LJPEG.1.jpg", "cancer_02-C_0007_1.LEFT_CC.LJPEG.1.jpg"],
}
TISSUE = {"train": [0, 1, 1, 0], "valid": [1, 0], "test": [0, 0, 1]}


def labels_of(name: str, split: str, locations: Locations) -> dict[str, int]:
    opened = load_split(DataRef(name=name), split, locations)  # type: ignore[arg-type]
    return {str(i): int(y) for i, y in zip(opened.ids, opened.labels, strict=True)}


def test_isic_opens_with_the_diagnoses_of_its_split(tmp_path: Path, locations: Locations) -> None:
    prepare("isic2019", write_isic(tmp_path / "isic"), locations)
    for split, rows in shuffled_split(40, 0.2).items():
        wanted = {f"train/ISIC_{row:07d}.jpg": row % 8 for row in rows}
        assert labels_of("isic2019", split, locations) == wanted


def test_isic_without_the_column_of_unknowns_is_fine(tmp_path: Path, locations: Locations) -> None:
    source = write_isic(tmp_path / "isic")
    table = source / "ISIC_2019_Training_GroundTruth.csv"
    table.write_text("\n".join(line.rpartition(",")[0] for line in table.read_text().split()))
    assert prepare("isic2019", source, locations).rows == 40


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",SCC", ",OTHER", r"GroundTruth.csv: there is no column 'SCC' \(found: image, MEL"),
        ("ISIC_0000003,0.0", "ISIC_0000003,1.0", r"csv, line 5: not exactly one of MEL, NV"),
        ("ISIC_0000000,1.0", "ISIC_0000000,0.0", r"csv, line 2: not exactly one of MEL, NV"),
        ("ISIC_0000000,1.0", "ISIC_0000000,yes", r"csv, line 2: diagnoses yes, 0.0"),
        ("ISIC_0000003,", "ISIC_9999999,", r"line 5: there is no picture train/ISIC_9999999.jpg"),
        ("ISIC_0000003,", "ISIC_0000002,", r"csv, line 5: 'ISIC_0000002' is listed twice"),
        ("ISIC_0000003,0.0,", "ISIC_0000003,", r"csv, line 5: not 10 values"),
    ],
)
def test_isic_fault_names_file_and_line(
    tmp_path: Path, locations: Locations, old: str, new: str, message: str
) -> None:
    source = write_isic(tmp_path / "isic")
    table = source / "ISIC_2019_Training_GroundTruth.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        prepare("isic2019", source, locations)


def test_isic_diagnosis_without_training_picture_is_named(
    tmp_path: Path, locations: Locations
) -> None:
    # Of eight rows, one for each diagnosis, one is held out.
    held_out = DIAGNOSES[shuffled_split(8, 0.2)["test"][0]]
    with pytest.raises(DatasetError, match=f"no training picture of class '{held_out}'"):
        prepare("isic2019", write_isic(tmp_path / "isic", rows=8), locations)


def test_converted_picture_is_preferred(tmp_path: Path, locations: Locations) -> None:
    source = write_isic(tmp_path / "isic")
    write_picture(source / "train" / "ISIC_0000004.png", 99)
    prepare("isic2019", source, locations)
    found = {i for s in ("train", "val", "test") for i in labels_of("isic2019", s, locations)}
    assert "train/ISIC_0000004.png" in found
    assert "train/ISIC_0000004.jpg" not in found
    assert len(found) == 40


def test_ddsm_label_is_the_beginning_of_the_name(tmp_path: Path, locations: Locations) -> None:
    prepare("ddsm", write_ddsm(tmp_path / "ddsm", LISTS), locations)
    for split, names in LISTS.items():
        wanted = {f"ddsm_raw/{name}": int(not name.startswith("normal")) for name in names}
        assert labels_of("ddsm", split, locations) == wanted


def test_ddsm_case_in_two_lists_is_a_warning(tmp_path: Path, locations: Locations) -> None:
    prepare("ddsm", write_ddsm(tmp_path / "ddsm", LISTS), locations)
    counts, torn = doctor("ddsm", locations, full=True)
    assert "train: 4 pictures instead of 8336" in counts.what
    assert (torn.severity, torn.where) == ("warning", "group C_0007")
    assert "test and train; expected" in torn.what


def test_ddsm_colour_scan_is_handed_out_grey(tmp_path: Path, locations: Locations) -> None:
    source = write_ddsm(tmp_path / "ddsm", LISTS)
    path = (source / "ddsm_raw" / LISTS["val"][0]).with_suffix(".png")
    write_picture(path, 5)
    prepare("ddsm", source, locations)
    opened = load_split(DataRef(name="ddsm"), "val", locations)
    index = [str(i).endswith(".png") for i in opened.ids].index(True)
    with Image.open(path) as image:
        grey_hw = np.asarray(image.convert("L")).astype(int)
    image_chw = opened.image(index).numpy()
    assert (image_chw == image_chw[:1]).all()
    # Two libraries round luminance differently.
    assert np.abs(image_chw[0] - grey_hw).max() <= 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("benign_01", "unknown_01", r"train.txt, line 2: 'unknown_01.*' does not begin with one"),
        ("benign_01", "benign", r"train.txt, line 2: 'benign-B_30.*' does not begin with one of"),
        ("benign_01", "\nbenign_01", r"train.txt, line 2: '' does not begin"),
        ("benign_01", "benign_99", r"train.txt, line 2: there is no picture ddsm_raw/benign_99"),
    ],
)
def test_ddsm_fault_names_list_and_line(
    tmp_path: Path, locations: Locations, old: str, new: str, message: str
) -> None:
    source = write_ddsm(tmp_path / "ddsm", LISTS)
    file = source / "ddsm_raw_image_lists" / "train.txt"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        prepare("ddsm", source, locations)


def test_ddsm_list_faults_that_concern_more_than_a_line(
    tmp_path: Path, locations: Locations
) -> None:
    source = write_ddsm(tmp_path / "ddsm", LISTS)
    lists = source / "ddsm_raw_image_lists"
    (lists / "val.txt").write_text(LISTS["train"][0])
    with pytest.raises(DatasetError, match=r"val.txt, line 1: .* already in .*train.txt, line 1"):
        prepare("ddsm", source, locations)
    (lists / "val.txt").unlink()
    with pytest.raises(DatasetError, match=r"val.txt is missing; it comes with the DeepMiner"):
        prepare("ddsm", source, locations)
    (lists / "val.txt").write_text("")
    (lists / "train.txt").write_text("\n".join(LISTS["train"][1:]))
    with pytest.raises(DatasetError, match=r"train.txt: no training picture of class 'Normal'"):
        prepare("ddsm", source, locations)


def test_camelyon_opens_with_its_official_splits(tmp_path: Path, locations: Locations) -> None:
    prepare("camelyon", write_camelyon(tmp_path / "pcam", TISSUE), locations)
    for part, labels in TISSUE.items():
        split = "val" if part == "valid" else part
        wanted = {f"{part}_png_files/img_{i}.png": y for i, y in enumerate(labels)}
        assert labels_of("camelyon", split, locations) == wanted


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2, 1, 0], r"train_labels.json, entry 1: 2 is not 0 or 1"),
        ([0, True, 1, 0], r"train_labels.json, entry 1: True is not 0 or 1"),
        ([0, 1, 1, 0, 1], r"train_labels.json, entry 4: there is no picture train_png_files/img_4"),
        ([0, 1, 1], r"train_labels.json has 3 labels, .*train_png_files 4 pictures"),
        ([0, 0, 0, 0], r"train_labels.json: no training picture of class 'Tumor'"),
        ({"0": 1}, r"train_labels.json: is not a list of 0 and 1"),
    ],
)
def test_camelyon_fault_names_file_and_entry(
    tmp_path: Path, locations: Locations, labels: object, message: str
) -> None:
    source = write_camelyon(tmp_path / "pcam", TISSUE)
    (source / "train_labels.json").write_text(json.dumps(labels))
    with pytest.raises(DatasetError, match=message):
        prepare("camelyon", source, locations)


def test_camelyon_as_downloaded_says_how_to_export(tmp_path: Path, locations: Locations) -> None:
    with pytest.raises(DatasetError, match=r"train_labels.json is missing"):
        prepare("camelyon", tmp_path, locations)
    for part in TISSUE:
        for kind in ("x", "y"):
            (tmp_path / f"camelyonpatch_level_2_split_{part}_{kind}.h5").write_bytes(b"\x89HDF")
    with pytest.raises(DatasetError, match=r"Export it once with h5py.* train_png_files/img_<i>"):
        prepare("camelyon", tmp_path, locations)
