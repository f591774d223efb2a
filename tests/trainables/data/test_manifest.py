"""Manifests survive a round trip, have an identity without location, and fail by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainables.data.manifest import (
    MANIFEST,
    PREPARED,
    PreparedData,
    Row,
    in_content_order,
    read_manifest,
    read_prepared,
    write_manifest,
    write_prepared,
)
from trainables.errors import DatasetError

ROWS = [
    Row(path="a/1.png", split="train", domain="x", label=3, sha256="aa", group="p1"),
    Row(path="a/2.png", split="val", domain="x", label=0, sha256="bb", captions=("red", "round")),
    Row(path="a/3.png", split="test", domain="y", labels=(0, 1, 1), sha256="cc", mask="m/3.png"),
]


def test_rows_survive_exactly(tmp_path: Path) -> None:
    assert read_manifest(write_manifest(tmp_path, ROWS)) == ROWS


def test_digest_ignores_order_and_place() -> None:
    moved = [replace(row, path=f"elsewhere/{row.path}") for row in reversed(ROWS)]
    assert in_content_order(moved)[0] == in_content_order(ROWS)[0]


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "dd"},
        {"label": 2},
        {"split": "test"},
        {"domain": "z"},
        {"group": "p2"},
        {"captions": ("new",)},
        {"labels": (1,)},
        {"mask_sha256": "ee"},
        {"prompts": '{"p0": ["a"]}'},
    ],
)
def test_digest_sees_every_change_of_content(change: dict[str, object]) -> None:
    changed = [replace(ROWS[0], **change), *ROWS[1:]]  # type: ignore[arg-type]
    assert in_content_order(changed)[0] != in_content_order(ROWS)[0]


@pytest.mark.parametrize("content", [b"", b"PAR1 but not really PAR1", b"a,b\n1,2\n"])
def test_corrupt_manifest_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / MANIFEST
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"manifest.parquet.*prepare"):
        read_manifest(path)


def test_truncated_manifest_is_named(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"manifest.parquet"):
        read_manifest(path)


def test_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"manifest.parquet"):
        read_manifest(tmp_path / MANIFEST)


def test_missing_column_and_wrong_type_are_named(tmp_path: Path) -> None:
    table = pq.read_table(write_manifest(tmp_path, ROWS))
    pq.write_table(table.drop_columns(["domain"]), tmp_path / MANIFEST)
    with pytest.raises(DatasetError, match="no column 'domain'"):
        read_manifest(tmp_path / MANIFEST)
    text = pa.array(["3", "0", "x"])
    at = table.column_names.index("label")
    pq.write_table(table.set_column(at, "label", text), tmp_path / MANIFEST)
    with pytest.raises(DatasetError, match="column 'label' is not of type int64"):
        read_manifest(tmp_path / MANIFEST)


def test_unknown_split_names_its_row(tmp_path: Path) -> None:
    wrong = [ROWS[0], replace(ROWS[1], split="valid")]  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="row 1 has unknown split 'valid'"):
        read_manifest(write_manifest(tmp_path, wrong))


def test_prepared_card_survives_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    prepared = PreparedData(
        name="x",
        folder=tmp_path,
        source=Path("/somewhere"),
        rows=3,
        digest="d",
        counts={"train": 1, "val": 1, "test": 1},
    )
    write_prepared(prepared)
    assert read_prepared(tmp_path) == prepared
    for damage in ("{", "[]", '{"source": "/x", "colour": 1}'):
        (tmp_path / PREPARED).write_text(damage)
        with pytest.raises(DatasetError, match=r"card.json"):
            read_prepared(tmp_path)


def test_manifest_from_before_prompts_opens_and_has_the_digest_it_had(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, ROWS)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["prompts"]), path)
    rows = read_manifest(path)
    assert rows == ROWS
    names = ("sha256", "split", "domain", "label", "labels", "group", "captions", "mask_sha256")
    lines = sorted(json.dumps([getattr(row, name) for name in names]) for row in rows)
    before = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert in_content_order(rows)[0] == before
