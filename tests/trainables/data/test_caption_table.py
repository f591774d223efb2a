"""Tables of pictures and texts in every form, and what is wrong with bad ones."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainables.data.caption_table import CaptionRow, read_caption_table
from trainables.errors import DatasetError

ROWS: list[dict[str, Any]] = [
    {
        "report_id": "r1",
        "images": ["a.png"],
        "findings": [" one, two ", "", "three"],
        "split": None,
    },
    {"report_id": "r2", "images": ["b/b.png"], "findings": ["four"], "split": "val"},
]


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"captions{kind}"
    if kind == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter="\t" if kind == ".tsv" else ",")
            writer.writerow(["filepath", "title", "report_id", "split"])
            for row in rows:
                for finding in row["findings"]:
                    writer.writerow(
                        [row["images"][0], finding, row["report_id"], row["split"] or ""]
                    )
    return path


def facts(row: CaptionRow) -> tuple[Any, ...]:
    return (row.report_id, row.images, row.findings, row.split)


@pytest.mark.parametrize("kind", [".parquet", ".jsonl", ".csv", ".tsv"])
def test_every_form_gives_the_same_rows(tmp_path: Path, kind: str) -> None:
    found = list(read_caption_table(write(tmp_path, kind, ROWS)))
    assert [facts(row) for row in found] == [
        ("r1", ("a.png",), ("one, two", "three"), None),
        ("r2", ("b/b.png",), ("four",), "val"),
    ]


def test_rows_are_named_by_number_also_across_blocks(tmp_path: Path) -> None:
    rows = [{**ROWS[1], "images": [f"{i}.png"]} for i in range(2500)]
    table = write(tmp_path, ".parquet", rows)
    for number, row in enumerate(read_caption_table(table), start=1):
        assert row.where == f"{table}, row {number}"
        assert row.images == (f"{number - 1}.png",)
    assert number == 2500


def test_reports_and_several_pictures_of_one_are_read(tmp_path: Path) -> None:
    row = {"report_id": 7, "images": ["a.png", "b.png"], "report": " Two views. "}
    [found] = read_caption_table(write(tmp_path, ".jsonl", [row]))
    assert (found.images, found.report, found.findings) == (("a.png", "b.png"), "Two views.", ())
    assert found.report_id == "7"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "dev"}, r"row 2: split is 'dev', not one of train, val, test"),
        ({"split": None, "report_id": None}, r"row 2: neither 'split' nor 'report_id'"),
        ({"images": []}, r"row 2: 'images' names no picture"),
        ({"images": "b.png"}, r"row 2: 'images' is not a list of texts"),
        ({"images": ["../b.png"]}, r"row 2: '\.\./b\.png' is not a path inside"),
        ({"images": ["/b.png"]}, r"row 2: '/b\.png' is not a path inside"),
        ({"findings": [1]}, r"row 2: 'findings' is not a list of texts"),
        ({"report": ["x"]}, r"row 2: 'report' is not a text"),
    ],
)
def test_a_bad_value_names_its_row(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    table = write(tmp_path, ".jsonl", [ROWS[0], {**ROWS[1], **change}])
    with pytest.raises(DatasetError, match=message):
        list(read_caption_table(table))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("captions.jsonl", "{\n", "row 1: not JSON"),
        ("captions.jsonl", "[]\n", "row 1: not a JSON object"),
        ("captions.parquet", "no", "cannot be read as Parquet"),
        ("captions.csv", "filepath,text\n", "there is no column 'title'"),
        ("captions.csv", "filepath,title\na.png\n", "row 1: not as many values"),
        ("captions.txt", "", "caption tables end in .parquet, .jsonl, .csv, .tsv"),
    ],
)
def test_a_table_that_is_none_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=message):
        list(read_caption_table(tmp_path / name))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"captions\.csv is missing"):
        list(read_caption_table(tmp_path / "captions.csv"))
