"""CheXpert from train.csv to an open split; what is shared is warned about, faults are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_layouts import chexpert_rows, write_chexpert
from PIL import Image

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.doctor import doctor
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.sets.chexpert import clean_labels
from trainables.data.sets.chexpert_findings import FINDINGS
from trainables.data.sets.chexpert_splits import paper_split, patient_split
from trainables.errors import DatasetError

PATHS, LABELS = chexpert_rows(patients=40, studies=3, shuffled=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_chexpert(tmp_path / "CheXpert", PATHS, LABELS)


@pytest.mark.parametrize(
    ("name", "split_rows"), [("chexpert", paper_split), ("chexpert_patient", patient_split)]
)
def test_prepared_set_opens_with_the_rows_of_its_split(
    source: Path, locations: Locations, name: str, split_rows: object
) -> None:
    prepare(name, source, locations)
    for split, rows in split_rows(PATHS).items():  # type: ignore[operator]
        opened = load_split(DataRef(name=name), split, locations)
        wanted = {
            PATHS[row].partition("/")[2]: clean_labels(
                ["" if v is None else str(v) for v in LABELS[row]], ""
            )
            for row in rows
        }
        found = {str(i): tuple(map(int, y)) for i, y in zip(opened.ids, opened.labels, strict=True)}
        assert found == wanted
        assert opened.labels.dtype == np.float32


def test_pictures_are_grey_three_times(source: Path, locations: Locations) -> None:
    prepare("chexpert", source, locations)
    opened = load_split(DataRef(name="chexpert"), "val", locations)
    image_chw = opened.image(0).numpy()
    with Image.open(source / str(opened.ids[0])) as image:
        np.testing.assert_array_equal(image_chw, np.stack([np.asarray(image)] * 3))


def test_doctor_warns_of_the_shared_rows_and_patients_of_the_papers_split(
    source: Path, locations: Locations
) -> None:
    prepare("chexpert", source, locations)
    problems = doctor("chexpert", locations, full=True)
    assert {p.severity for p in problems} == {"warning"}
    shared = [p for p in problems if "same content" in p.what]
    split = {name: set(rows) for name, rows in paper_split(PATHS).items()}
    rows = (split["val"] & split["test"]) | (split["test"] & split["train"])
    assert {p.where for p in shared} == {PATHS[row].partition("/")[2] for row in rows}
    assert len(shared) == 2
    torn = [p for p in problems if p.where.startswith("group patient")]
    assert {p.where.removeprefix("group ") for p in torn} >= {PATHS[r].split("/")[2] for r in rows}
    assert all("papers' split shares two rows" in p.what for p in shared + torn)


def test_doctor_finds_nothing_wrong_with_whole_patients(source: Path, locations: Locations) -> None:
    prepare("chexpert_patient", source, locations)
    assert doctor("chexpert_patient", locations, full=True) == []


def test_converted_picture_is_preferred(source: Path, locations: Locations) -> None:
    jpg = source / PATHS[5].partition("/")[2]
    Image.new("L", (4, 4), 77).save(jpg.with_suffix(".png"))
    jpg.unlink()
    prepare("chexpert_patient", source, locations)
    ids = [
        str(i)
        for split in ("train", "val", "test")
        for i in load_split(DataRef(name="chexpert_patient"), split, locations).ids  # type: ignore[arg-type]
    ]
    assert sorted(i for i in ids if i.endswith(".png")) == [
        jpg.with_suffix(".png").relative_to(source).as_posix()
    ]


def test_nothing_found_means_no_finding() -> None:
    only = (1, *[0] * 13)
    assert clean_labels([""] * 14, "") == only
    assert clean_labels(["-1.0"] * 14, "") == only
    assert clean_labels(["", "", "1.0", *[""] * 11], "") == (0, 0, 1, *[0] * 11)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Lung Opacity", "Airspace", "train.csv: the last 14 columns are not No Finding"),
        ("Path,", "File,", r"train.csv: there is no column 'Path'"),
        ("patient00007/study1/", "patient00007/study9/", r"train.csv, line \d+: there is no pic"),
        ("small/train/patient00007", "small/patient00007", r"line \d+: '.*' is not <release>/tr"),
        ("Female,50", "Female", r"train.csv, line 2: not 19 values"),
        ("patient00007/study1/", "patient00007/study2/", r"line \d+: '.*study2.*' is listed twice"),
    ],
)
def test_fault_in_the_table_names_file_and_line(
    source: Path, locations: Locations, old: str, new: str, message: str
) -> None:
    table = source / "train.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        prepare("chexpert", source, locations)


def test_strange_value_is_named(source: Path, locations: Locations) -> None:
    table = source / "train.csv"
    table.write_text(table.read_text().replace("-1.0", "0.5", 1))
    with pytest.raises(DatasetError, match=r"train.csv, line 2: .* is '0.5', not 1, 0, -1"):
        prepare("chexpert", source, locations)


def test_finding_without_a_training_picture_is_named(tmp_path: Path, locations: Locations) -> None:
    labels = [[None if k == 12 else v for k, v in enumerate(row)] for row in LABELS]
    source = write_chexpert(tmp_path / "x", PATHS, labels)
    with pytest.raises(DatasetError, match=f"no training picture of class '{FINDINGS[12]}'"):
        prepare("chexpert", source, locations)


def test_too_few_rows_name_the_table(tmp_path: Path, locations: Locations) -> None:
    source = write_chexpert(tmp_path / "x", PATHS[:10], LABELS[:10])
    with pytest.raises(DatasetError, match=r"train.csv: too few rows to split \(10\)"):
        prepare("chexpert", source, locations)
