"""APTOS 2019: Kaggle's labelled training part, split as Foundation-Medical splits it."""

from __future__ import annotations

import csv
from pathlib import Path

from trainables.data.card import Split
from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.data.splits import shuffled_split
from trainables.errors import DatasetError

_TABLE = "train.csv"
_PICTURES = "train_images"
_COLUMNS = ("id_code", "diagnosis")
_GRADES = ("0", "1", "2", "3", "4")


def scan(source: Path) -> list[Row]:
    """Read ``train.csv`` and list ``train_images/<id_code>.png`` in its order.

    Raises:
        DatasetError: a column is missing, a grade is unknown, a picture is missing or listed twice.
    """
    table = source / _TABLE
    records = _read(table)
    # 30 % are held out; row numbers refer to the order of the table.
    split_of = {n: s for s, rows in shuffled_split(len(records), 0.3).items() for n in rows}
    listed = {path.name for path in (source / _PICTURES).glob("*.png")}
    rows, seen = [], set[str]()
    for number, record in enumerate(records):
        # Line 1 is the header.
        rows.append(_row(record, split_of[number], f"{table}, line {number + 2}"))
        name = f"{record['id_code']}.png"
        if name not in listed:
            raise DatasetError(
                f"{table}, line {number + 2}: there is no picture {_PICTURES}/{name}"
            )
        if name in seen:
            raise DatasetError(f"{table}, line {number + 2}: '{record['id_code']}' is listed twice")
        seen.add(name)
    return rows


SOURCE = PreparedSource(scan=scan)


def _read(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            found = reader.fieldnames or []
            for column in _COLUMNS:
                if column not in found:
                    raise DatasetError(
                        f"{table}: there is no column '{column}' (found: {', '.join(found)})"
                    )
            return list(reader)
    except FileNotFoundError:
        raise DatasetError(f"{table} is missing; it comes with the competition's files") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: cannot be read as CSV ({error})") from error


def _row(record: dict[str, str], split: Split, where: str) -> Row:
    if record["diagnosis"] not in _GRADES:
        raise DatasetError(f"{where}: diagnosis {record['diagnosis']!r} is not one of 0 to 4")
    return Row(
        path=f"{_PICTURES}/{record['id_code']}.png",
        split=split,
        domain="aptos2019",
        label=int(record["diagnosis"]),
    )
