"""Corpora of captions: their splits, what they refuse, and how little memory they take."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from trainables.config import DataRef
from trainables.context import Locations
from trainables.data.caption_corpus import Corpus
from trainables.data.caption_files import MappedTexts, sort_into_splits
from trainables.data.cards import data_status
from trainables.data.doctor import doctor
from trainables.data.open import load_split
from trainables.errors import DatasetError


def write(
    locations: Locations,
    rows: list[dict[str, Any]],
    missing: tuple[str, ...] = (),
    folder_name: str = "isic_pairs",
) -> Path:
    from PIL import Image

    folder = locations.data / folder_name
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(image for row in rows for image in row["images"]):
        if image not in missing:
            Image.new("RGB", (5, 4), (number, 0, 0)).save(folder / image)
    table = folder / "captions.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return table


def row_of(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "report_id": f"r{number}",
        "images": [f"{number}.png"],
        "findings": [f"finding {number}", "spot"],
        "report": f"Report {number}.",
        "split": "val" if number == 2 else "train",
        **changes,
    }


ROWS = [row_of(0), row_of(1, images=["1.png", "1b.png"]), row_of(2)]


def test_pictures_come_with_their_captions_in_the_order_of_the_table(locations: Locations) -> None:
    write(locations, ROWS)
    train = load_split(DataRef(name="isic_findings"), "train", locations)
    assert train.ids.tolist() == ["0.png", "1.png", "1b.png"]
    assert [train.captions_of(i) for i in range(3)] == [
        ("finding 0", "spot"),
        ("finding 1", "spot"),
        ("finding 1", "spot"),
    ]
    assert torch.equal(train.image(2)[:, 0, 0], torch.tensor([2, 0, 0], dtype=torch.uint8))
    assert train.labels.shape == (3, 0)
    val = load_split(DataRef(name="isic_findings"), "val", locations)
    assert val.ids.tolist() == ["2.png"]


def test_reports_are_another_set_of_the_same_pictures(locations: Locations) -> None:
    write(locations, ROWS)
    reports = load_split(DataRef(name="isic_reports"), "train", locations)
    findings = load_split(DataRef(name="isic_findings"), "train", locations)
    assert [reports.captions_of(i) for i in range(2)] == [("Report 0.",), ("Report 1.",)]
    assert reports.ids.tolist() == findings.ids.tolist()
    assert reports.digest != findings.digest


def test_the_digest_is_of_the_table_wherever_it_lies(tmp_path: Path) -> None:
    digests = []
    for name in ("here", "there"):
        root = tmp_path / name
        places = Locations(data=root / "data", weights=root, store=root / "store")
        write(places, ROWS)
        digests.append(data_status("isic_findings", places).digest)
    write(places, ROWS[:2])
    digests.append(data_status("isic_findings", places).digest)
    assert digests[0] == digests[1] != digests[2]


def test_one_report_in_a_hundred_is_held_out_whole(locations: Locations) -> None:
    rows = [row_of(i, split=None, images=[f"{i}.png", f"{i}b.png"]) for i in range(1000)]
    folder = locations.data / "isic_pairs"
    folder.mkdir(parents=True)
    for row in rows:
        for image in row["images"]:
            (folder / image).touch()
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ref = DataRef(name="isic_findings")
    sets = [set(load_split(ref, split, locations).ids) for split in ("train", "val")]  # type: ignore[arg-type]
    assert 4 <= len(sets[1]) <= 40
    assert len(sets[0]) + len(sets[1]) == 2000
    for ids in sets:
        assert {i.replace("b", "") for i in ids if "b" in i} == {i for i in ids if "b" not in i}


def test_an_absent_corpus_says_what_to_put_where(locations: Locations) -> None:
    status = data_status("isic_findings", locations)
    assert not status.present
    for part in (str(locations.data / "isic_pairs"), "captions.parquet", "'findings'"):
        assert part in status.reason


def test_two_tables_are_one_too_many(locations: Locations) -> None:
    table = write(locations, ROWS)
    table.with_suffix(".csv").touch()
    assert "leave one of them" in data_status("isic_findings", locations).reason


@pytest.mark.parametrize(
    ("row", "name", "message"),
    [
        (row_of(0, report_id="r9"), "isic_findings", r"row 4: '0\.png' is listed before"),
        (row_of(9, findings=[" "]), "isic_findings", r"row 4: there is nothing in 'findings'"),
        (row_of(9, report=""), "isic_reports", r"row 4: there is nothing in 'report'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(
    locations: Locations, row: dict[str, Any], name: str, message: str
) -> None:
    write(locations, [*ROWS, row])
    with pytest.raises(DatasetError, match=message):
        load_split(DataRef(name=name), "train", locations)


def test_of_radiographs_only_frontal_ones_count(locations: Locations) -> None:
    rows = [
        row_of(0, images=["0.png", "0l.png"], views=["PA", "LATERAL"]),
        row_of(1, views=["AP"]),
        row_of(2, views=["PA"]),
    ]
    write(locations, rows, folder_name="mimic_pairs")
    train = load_split(DataRef(name="mimic_findings"), "train", locations)
    assert train.ids.tolist() == ["0.png", "1.png"]
    assert load_split(DataRef(name="mimic_reports"), "val", locations).ids.tolist() == ["2.png"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"row 1: there is no view, and only AP and PA count"),
        ({"views": ["PA", "AP"]}, r"row 1: 2 views of 1 pictures"),
    ],
)
def test_radiographs_without_their_views_are_refused(
    locations: Locations, changes: dict[str, Any], message: str
) -> None:
    write(locations, [row_of(0, **changes), *ROWS[1:]], folder_name="mimic_pairs")
    with pytest.raises(DatasetError, match=message):
        load_split(DataRef(name="mimic_findings"), "train", locations)


def test_a_table_of_pairs_has_one_view_a_picture(locations: Locations) -> None:
    folder = write(locations, [row_of(0), row_of(1)], folder_name="mimic_pairs").parent
    (folder / "captions.jsonl").unlink()
    lines = ["filepath\ttitle\tview\tsplit"]
    lines += [f"0.png\t{text}\tPA\ttrain" for text in ("a", "b")] + ["1.png\tc\tLL\ttrain"]
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    train = load_split(DataRef(name="mimic_findings"), "train", locations)
    assert train.ids.tolist() == ["0.png"]
    assert train.captions_of(0) == ("a", "b")


def test_missing_pictures_are_counted_and_the_first_named(locations: Locations) -> None:
    write(locations, ROWS, missing=("1b.png", "2.png"))
    with pytest.raises(DatasetError, match=r"2 of 4 pictures are not in .*first: 1b\.png, 2\.png"):
        load_split(DataRef(name="isic_findings"), "train", locations)


def test_the_doctor_finds_nothing_wrong_with_a_sound_corpus_and_names_equal_pictures(
    locations: Locations,
) -> None:
    table = write(locations, ROWS)
    assert doctor("isic_findings", locations) == []
    (table.parent / "2.png").write_bytes((table.parent / "0.png").read_bytes())
    [problem] = doctor("isic_findings", locations)
    assert (problem.severity, problem.where) == ("error", "train/0.png")


def peak_of_streaming(folder: Path, pictures: int) -> tuple[int, int, int]:
    """Return captions, and the most bytes held while a table of them is sorted and read through."""
    folder.mkdir()
    batch = 5000
    schema = pa.schema(
        {
            "report_id": pa.string(),
            "images": pa.list_(pa.string()),
            "findings": pa.list_(pa.string()),
        }
    )
    with pq.ParquetWriter(folder / "captions.parquet", schema) as writer:
        for first in range(0, pictures, batch):
            numbers = range(first, min(first + batch, pictures))
            writer.write_table(
                pa.table(
                    {
                        "report_id": [f"report-{i}" for i in numbers],
                        "images": [[f"ISIC_{i:07d}.jpg"] for i in numbers],
                        "findings": [
                            [
                                f"finding {j} of {i}: irregular border"
                                for j in range(7 + (i % 4 > 0))
                            ]
                            for i in numbers
                        ],
                    },
                    schema=schema,
                )
            )
    for i in range(pictures):
        (folder / f"ISIC_{i:07d}.jpg").touch()
    made = folder / "made"
    made.mkdir()
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    corpus = Corpus(folder="t", modality="skin", texts="findings")
    sort_into_splits(folder / "captions.parquet", corpus, made)
    captions = sum(len(texts) for split in ("train", "val") for texts in MappedTexts(made, split))  # type: ignore[arg-type]
    _, python = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pa.set_memory_pool(usual)
    return captions, python, pool.max_memory()


def test_captions_stay_on_disk(tmp_path: Path) -> None:
    captions, python, arrow = peak_of_streaming(tmp_path / "t", 3000)
    assert captions > 21_000
    assert python < 8e6
    assert arrow < 8e6


@pytest.mark.slow
def test_438_thousand_captions_stay_on_disk(tmp_path: Path) -> None:
    captions, python, arrow = peak_of_streaming(tmp_path / "t", 56_590)
    assert captions > 438_000
    # All the texts would be 40 MB; only the names of the pictures seen are kept.
    assert python < 24e6
    assert arrow < 8e6
