"""ISIC 2019: the labelled training part, split as Foundation-Medical splits it."""

from __future__ import annotations

from pathlib import Path

from trainables.data.card import Split
from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.data.source_files import at_line, find_picture, read_csv, require_every_class
from trainables.data.splits import shuffled_split
from trainables.errors import DatasetError

TABLE = "ISIC_2019_Training_GroundTruth.csv"
_DIAGNOSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
# The official table has a column for what is none of the above; no training picture is.
_UNKNOWN = "UNK"


def scan(source: Path) -> list[Row]:
    """Read the table of diagnoses and list ``train/<image>.jpg`` in its order.

    Raises:
        DatasetError: a column is missing, a line has not exactly one diagnosis, a picture is
            missing or listed twice, a diagnosis has no training picture.
    """
    table = source / TABLE
    _, records = read_csv(table, ("image", *_DIAGNOSES))
    # 20 % are held out; row numbers refer to the order of the table.
    split_of = {n: s for s, rows in shuffled_split(len(records), 0.2).items() for n in rows}
    rows, seen = [], set[str]()
    for number, record in enumerate(records):
        where = at_line(table, number)
        if record["image"] in seen:
            raise DatasetError(f"{where}: '{record['image']}' is listed twice")
        seen.add(record["image"])
        rows.append(_row(source, record, split_of[number], where))
    require_every_class(rows, _DIAGNOSES, table)
    return rows


SOURCE = PreparedSource(scan=scan)


def _row(source: Path, record: dict[str, str], split: Split, where: str) -> Row:
    marks = [record.get(name, "0") for name in (*_DIAGNOSES, _UNKNOWN)]
    try:
        values = [float(mark) for mark in marks]
    except ValueError:
        raise DatasetError(f"{where}: diagnoses {', '.join(marks)} are not numbers") from None
    if sorted(values) != [0.0] * len(_DIAGNOSES) + [1.0] or values[-1]:
        raise DatasetError(
            f"{where}: not exactly one of {', '.join(_DIAGNOSES)} is 1 ({', '.join(marks)})"
        )
    path = find_picture(source, f"train/{record['image']}.jpg", where)
    return Row(path=path, split=split, domain="isic2019", label=values.index(1.0))
