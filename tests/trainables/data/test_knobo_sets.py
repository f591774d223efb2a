"""KnoBo's twenty sets: what cards promise, what is opened, and what the doctor says of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from data_layouts import write_picture

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.card import SPLITS, Split
from trainables.data.cards import get_data_card
from trainables.data.doctor import doctor
from trainables.data.manifest import Row
from trainables.data.open import load_split
from trainables.data.prepare import prepare
from trainables.data.sets.knobo_checks import examine
from trainables.data.sets.knobo_sets import KNOBO_SETS
from trainables.data.split_files import SplitFile, split_digest, write_split_file
from trainables.errors import DatasetError

KNOWN = {known.dataset: known for known in KNOBO_SETS}

# Tables 7 and 8 of the paper, but for ISIC-hospital and HAM10000, where its files differ.
TOTALS = {
    "ISIC-sex": (2400, 300, 300),
    "ISIC-age": (2800, 300, 300),
    "ISIC-site": (2000, 600, 600),
    "ISIC-color": (1800, 260, 260),
    "ISIC-hospital": (3000, 1000, 1000),
    "HAM10000": (8010, 1000, 1005),
    "BCN20000": (4800, 800, 800),
    "PAD-UFES-20": (1602, 200, 200),
    "Melanoma": (8605, 1000, 1000),
    "UWaterloo": (166, 20, 20),
    "NIH-sex": (3000, 500, 1000),
    "NIH-age": (3000, 500, 500),
    "NIH-pos": (3000, 300, 300),
    "CheXpert-race": (4000, 500, 500),
    "NIH-CheXpert": (5000, 1000, 1000),
    "pneumonia": (5216, 16, 624),
    "COVID-QU": (16930, 2115, 2114),
    "NIH-CXR": (8066, 1140, 2317),
    "open-i": (884, 438, 890),
    "vindr-cxr": (1400, 175, 175),
}


def test_there_are_five_confounded_and_five_random_sets_of_each_kind() -> None:
    kinds = [(known.modality, bool(known.confounder)) for known in KNOBO_SETS]
    assert sorted(kinds) == sorted(
        (m, c) for m in ("skin", "xray") for c in (0, 1) for _ in "12345"
    )
    digests = [digest for known in KNOBO_SETS for digest in known.digests]
    assert len(set(digests)) == 60
    assert all(len(digest) == 16 for digest in digests)


@pytest.mark.parametrize("dataset", TOTALS)
def test_cards_have_the_numbers_of_the_paper(dataset: str) -> None:
    card = get_data_card(KNOWN[dataset].name)
    assert tuple(card.expected_counts.values()) == TOTALS[dataset]
    assert sum(card.expected_classes[card.name]) == sum(TOTALS[dataset])


def test_classes_are_spelt_and_ordered_as_released() -> None:
    assert get_data_card("melanoma").classes == ("maliganant", "benign")
    assert get_data_card("nih_age").classes[0] == "No Finding"
    assert get_data_card("vindr_cxr").classes[0] == "No finding"
    assert get_data_card("vindr_cxr").classes[-1] == "Nodule/Mass"
    assert get_data_card("covid_qu").expected_classes["covid_qu"] == (3613, 6011, 10191, 1344)


Paths = Mapping[Split, Mapping[str, Sequence[str]]]


def bring(folder: Path, dataset: str, paths: Paths) -> Path:
    """Write a set with these pictures, all different."""
    classes = tuple(KNOWN[dataset].counts)
    splits = {s: {k: tuple(paths[s].get(k, ())) for k in classes} for s in SPLITS}
    every = [p for s in splits.values() for listed in s.values() for p in listed]
    for seed, path in enumerate(dict.fromkeys(every)):
        write_picture(folder / path, seed)
    file = folder / dataset / "splits.json"
    file.parent.mkdir(exist_ok=True, parents=True)
    write_split_file(file, SplitFile(dataset=dataset, classes=classes, splits=splits))
    return folder


HAM: Paths = {
    split: {
        name: [f"HAM10000/images/ISIC_{place}{k}{n}.jpg" for n in (2, 0, 1)]
        for k, name in enumerate(KNOWN["HAM10000"].counts)
    }
    for place, split in enumerate(SPLITS)
}


def test_pictures_are_opened_in_the_order_of_the_split_file(
    tmp_path: Path, locations: Locations
) -> None:
    done = prepare("ham10000", bring(tmp_path, "HAM10000", HAM), locations)
    assert done.counts == {"train": 21, "val": 21, "test": 21}
    for split in SPLITS:
        images = load_split(DataRef(name="ham10000"), split, locations)
        assert images.ids.tolist() == [p for paths in HAM[split].values() for p in paths]
        assert images.labels.tolist() == [k for k in range(7) for _ in range(3)]
        assert images.image(0).shape == (3, 8, 10)


def test_another_order_is_another_set(tmp_path: Path, locations: Locations) -> None:
    first = prepare("ham10000", bring(tmp_path, "HAM10000", HAM), locations)
    turned = {**HAM, "train": {k: v[::-1] for k, v in HAM["train"].items()}}
    source = tmp_path / "HAM10000" / "splits.json"
    classes = tuple(KNOWN["HAM10000"].counts)
    splits = {s: {k: tuple(v) for k, v in turned[s].items()} for s in SPLITS}
    write_split_file(source, SplitFile(dataset="HAM10000", classes=classes, splits=splits))
    assert prepare("ham10000", tmp_path, locations).digest != first.digest


def test_missing_pictures_are_counted_and_named(tmp_path: Path, locations: Locations) -> None:
    bring(tmp_path, "HAM10000", HAM)
    for path in HAM["val"]["melanoma"]:
        (tmp_path / path).rename((tmp_path / path).with_suffix(".JPG"))
    said = r"3 pictures are not below .*HAM10000/images/ISIC_152\.jpg, .*case of a suffix"
    with pytest.raises(DatasetError, match=said):
        prepare("ham10000", tmp_path, locations)


def test_splits_of_another_set_are_refused(tmp_path: Path, locations: Locations) -> None:
    bring(tmp_path, "HAM10000", HAM)
    (tmp_path / "HAM10000").rename(tmp_path / "BCN20000")
    with pytest.raises(DatasetError, match=r"lists 'HAM10000' .*expected are 'BCN20000'"):
        prepare("bcn20000", tmp_path, locations)


def test_absent_splits_say_how_to_convert_the_released_ones(
    tmp_path: Path, locations: Locations
) -> None:
    with pytest.raises(DatasetError, match=r"splits\.json is missing.*xenograft import splits"):
        prepare("uwaterloo", tmp_path, locations)


def warnings(dataset: str, paths: Paths, **changes: object) -> list[str]:
    """Return what is said of these splits, as if they were the released ones."""
    known = KNOWN[dataset]
    classes = tuple(known.counts)
    rows = [
        Row(path=path, split=split, domain=known.name, label=classes.index(name))
        for split in SPLITS
        for name in paths[split]
        for path in paths[split][name]
    ]
    released = tuple(split_digest({k: paths[s].get(k, ()) for k in classes}) for s in SPLITS)
    same = dataclasses.replace(known, **{"digests": released, **changes})  # type: ignore[arg-type]
    problems = list(examine(same, rows))
    assert all((p.severity, p.where) == ("warning", known.name) for p in problems)
    return [problem.what for problem in problems]


def test_splits_that_are_as_released_and_share_nothing_are_passed_over() -> None:
    assert warnings("HAM10000", HAM, leak="") == []
    assert len(warnings("HAM10000", HAM)) == 1


def test_altered_splits_are_told_by_their_digest() -> None:
    paths: Paths = {split: {"melanoma": ["a.jpg"], "not melanoma": ["b.jpg"]} for split in SPLITS}
    good = split_digest(paths["val"])
    said = warnings("UWaterloo", paths, digests=(good, "0" * 16, good))
    assert said[0] == f"val is not the released split: its digest is {good}, not {'0' * 16}"


@pytest.mark.parametrize(
    ("dataset", "path"),
    [
        ("NIH-sex", "NIH-CXR/images_002/images/{:08d}_{:03d}.png"),
        ("CheXpert-race", "CheXpert-v1.0/train/patient{:05d}/study{}/view1_frontal.jpg"),
        ("PAD-UFES-20", "PAD-UFES-20/images/PAT_{}_{}_519.png"),
        ("pneumonia", "pneumonia/images/train/PNEUMONIA/person{}_bacteria_{}.jpeg"),
        ("open-i", "open-i/images/{}_IM-{}-1001.dcm.png"),
    ],
)
def test_shared_patients_are_counted(dataset: str, path: str) -> None:
    # Patients 1 to 4 for training, 3 to 7 for validation, 8 for testing; two pictures of each.
    patients = {"train": range(1, 5), "val": range(3, 8), "test": range(8, 9)}
    name = next(iter(KNOWN[dataset].counts))
    paths: Paths = {
        split: {name: [path.format(p, place + 10 * n) for p in patients[split] for n in (0, 1)]}
        for place, split in enumerate(SPLITS)
    }
    assert warnings(dataset, paths) == ["2 of 5 patients of val are in train too"]


def test_pictures_listed_twice_keep_both_labels_and_are_counted(
    tmp_path: Path, locations: Locations
) -> None:
    images = [f"open-i/images/{n}_IM.dcm.png" for n in range(9)]
    paths: Paths = {
        "train": {"Cardiomegaly": images[:3], "Lung Opacity": images[2:4], "Normal": images[4:5]},
        "val": {"Cardiomegaly": images[5:6], "Lung Opacity": images[3:4], "Normal": images[6:7]},
        "test": {"Cardiomegaly": images[7:8], "Lung Opacity": images[5:6], "Normal": images[8:]},
    }
    said = [what for what in warnings("open-i", paths) if "listed" in what]
    assert said == [
        "3 pictures are listed more than once (1 in train, 1 in train and val, 1 in val and test), "
        "2 of them with different labels"
    ]
    prepare("open_i", bring(tmp_path, "open-i", paths), locations)
    found = load_split(DataRef(name="open_i"), "train", locations)
    assert found.ids.tolist()[2:4] == [images[2], f"{images[2]}#2"]
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 2]
    problems = doctor("open_i", locations, full=True)
    assert {problem.severity for problem in problems} == {"warning"}
    assert any("instead of 884" in problem.what for problem in problems)
    assert any("train is not the released split" in problem.what for problem in problems)
