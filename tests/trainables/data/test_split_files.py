"""Split files of three kinds say the same; whatever is wrong with one is said with its place."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from trainables.data.card import SPLITS
from trainables.data.split_files import (
    COLUMNS,
    SplitFile,
    find_split_file,
    read_split_file,
    split_digest,
    write_split_file,
)
from trainables.errors import DatasetError

CLASSES = ("Nodule/Mass", "actinic, seborrheic keratosis", "é")


def made(dataset: str = "Mine") -> SplitFile:
    splits = {
        split: {
            name: tuple(f"Mine/images/{split} {k}-{n}.png" for n in range(2, -1, -1))
            for k, name in enumerate(CLASSES)
        }
        for split in SPLITS
    }
    return SplitFile(dataset=dataset, classes=CLASSES, splits=splits)


def as_rows(splits: SplitFile) -> list[dict[str, Any]]:
    return [
        dict(zip(COLUMNS, (split, label, name, path), strict=True))
        for split in SPLITS
        for label, name in enumerate(splits.classes)
        for path in splits.splits[split][name]
    ]


def written(folder: Path, kind: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"splits.{kind}"
    if kind == "json":
        write_split_file(path, made())
    elif kind == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(as_rows(made()))
    else:
        pd.DataFrame(as_rows(made())).to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_every_kind_gives_classes_pictures_and_their_order(kind: str, tmp_path: Path) -> None:
    assert read_split_file(written(tmp_path / "Mine", kind)) == made()


def test_digest_is_that_of_compact_json_with_order_kept() -> None:
    by_hand = '{"é":["b.png","a b.png"],"A":[]}'
    expected = hashlib.sha256(by_hand.encode("utf-8")).hexdigest()[:16]
    assert split_digest({"é": ["b.png", "a b.png"], "A": []}) == expected
    assert split_digest({"é": ["a b.png", "b.png"], "A": []}) != expected
    assert split_digest({"A": [], "é": ["b.png", "a b.png"]}) != expected


def changed(tmp_path: Path, **changes: Any) -> Path:
    path = written(tmp_path, "json")
    body = json.loads(path.read_text())
    path.write_text(json.dumps({**body, **changes}))
    return path


def parts(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {s: {k: list(v) for k, v in made().splits[s].items()} for s in SPLITS}
    return {**body, **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "other/1"}, "xenograft-splits/1"),
        ({"confounder": "sex"}, "exactly classes, dataset, format, splits"),
        ({"dataset": 3}, "'dataset' is no text"),
        ({"splits": {"train": {}}}, "has not train, val and test"),
        ({"classes": list(CLASSES[::-1])}, "'classes' are not the keys of train"),
        ({"splits": parts(val={})}, "classes of val"),
        ({"splits": parts(test={key: [] for key in reversed(CLASSES)})}, "classes of test"),
        ({"splits": parts(val=[])}, "val: not a mapping"),
        ({"splits": parts(val=dict.fromkeys(CLASSES, "a.png"))}, "not a list of paths"),
        ({"splits": parts(val={key: [1] for key in CLASSES})}, "not a list of paths"),
        ({"splits": parts(train={key: [] for key in CLASSES})}, "no training picture of class"),
        ({"splits": parts(val={key: ["/etc/x.png"] for key in CLASSES})}, "'/etc/x.png' is not"),
        ({"splits": parts(val={key: ["a/../../x.png"] for key in CLASSES})}, "is not a path below"),
        ({"splits": parts(val={key: ["a\\x.png"] for key in CLASSES})}, "is not a path below"),
        ({"splits": parts(val={key: [""] for key in CLASSES})}, "is not a path below"),
    ],
)
def test_what_is_wrong_with_json_is_said(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = changed(tmp_path, **changes)
    with pytest.raises(DatasetError) as error:
        read_split_file(path)
    assert said in str(error.value)
    assert "splits.json" in str(error.value)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    path.write_text('{"format": "a", "format": "b"}')
    with pytest.raises(DatasetError, match="'format' stands in one object twice"):
        read_split_file(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("holdout", 0, CLASSES[0], "a.png"), "split 'holdout'"),
        (("val", 0, CLASSES[1], "a.png"), "label 0 is"),
        (("val", 7, "other", "a.png"), "do not number the classes"),
        (("val", 3, CLASSES[0], "a.png"), "do not number the classes"),
        (("val", -1, CLASSES[0], "a.png"), "not a whole number"),
        (("val", "x", CLASSES[0], "a.png"), "not a whole number"),
        (("val", 0, CLASSES[0], "../a.png"), "is not a path below"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(
    row: tuple[Any, ...], said: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "csv")
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(row)
    with pytest.raises(DatasetError) as error:
        read_split_file(path)
    assert said in str(error.value)


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "splits.parquet"
    pd.DataFrame(as_rows(made())).drop(columns="label").to_parquet(path)
    with pytest.raises(DatasetError, match="no column 'label'"):
        read_split_file(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_split_file(path)


def test_a_folder_has_one_split_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="xenograft import splits"):
        find_split_file(tmp_path)
    first = written(tmp_path, "csv")
    assert find_split_file(tmp_path) == first
    written(tmp_path, "json")
    with pytest.raises(DatasetError, match="keep one"):
        find_split_file(tmp_path)
