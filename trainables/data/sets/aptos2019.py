"""APTOS 2019: Kaggle's labelled training part, split as Foundation-Medical splits it."""

from __future__ import annotations

from pathlib import Path

from trainables.data.card import Split
from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.data.source_files import at_line, find_picture, read_csv
from trainables.data.splits import shuffled_split
from trainables.errors import DatasetError

_TABLE = "train.csv"
_COLUMNS = ("id_code", "diagnosis")
_GRADES = ("0", "1", "2", "3", "4")


def scan(source: Path) -> list[Row]:
    """Read ``train.csv`` and list ``train_images/<id_code>.png`` in its order.

    Raises:
        DatasetError: a column is missing, a grade is unknown, a picture is missing or listed twice.
    """
    table = source / _TABLE
    _, records = read_csv(table, _COLUMNS)
    # 30 % are held out; row numbers refer to the order of the table.
    split_of = {n: s for s, rows in shuffled_split(len(records), 0.3).items() for n in rows}
    rows, seen = [], set[str]()
    for number, record in enumerate(records):
        where = at_line(table, number)
        rows.append(_row(source, record, split_of[number], where))
        if record["id_code"] in seen:
            raise DatasetError(f"{where}: '{record['id_code']}' is listed twice")
        seen.add(record["id_code"])
    return rows


SOURCE = PreparedSource(scan=scan)


def _row(source: Path, record: dict[str, str], split: Split, where: str) -> Row:
    if record["diagnosis"] not in _GRADES:
        raise DatasetError(f"{where}: diagnosis {record['diagnosis']!r} is not one of 0 to 4")
    return Row(
        path=find_picture(source, f"train_images/{record['id_code']}.png", where),
        split=split,
        domain="aptos2019",
        label=int(record["diagnosis"]),
    )
