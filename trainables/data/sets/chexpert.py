"""CheXpert's train.csv, split as feature-reuse and Foundation-Medical split it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from trainables.data.card import Split
from trainables.data.manifest import Row
from trainables.data.prepared import PreparedSource
from trainables.data.sets.chexpert_findings import FINDINGS, NO_FINDING
from trainables.data.sets.chexpert_splits import paper_split
from trainables.data.source_files import at_line, find_picture, read_csv, require_every_class
from trainables.errors import DatasetError

TABLE = "train.csv"
_PRESENT = {"": 0, "0.0": 0, "0": 0, "-1.0": 0, "-1": 0, "1.0": 1, "1": 1}
"""Not mentioned, absent and uncertain (U-Zeros) are 0."""

SplitRows = Callable[[Sequence[str]], Mapping[Split, Sequence[int]]]
"""(paths in the order of the table) -> row numbers of every split."""


def scan(source: Path, split_rows: SplitRows) -> list[Row]:
    """Read ``train.csv`` and find its pictures, frontal and lateral, below ``train``.

    A row may be in two splits: the paper's shares two.

    Raises:
        DatasetError: the columns are not those of CheXpert, a value is none of its four, a path is
            malformed or listed twice, a picture is missing, there are too few rows to split, a
            label has no training picture.
    """
    table = source / TABLE
    columns, records = read_csv(table, ("Path",))
    if tuple(columns[-len(FINDINGS) :]) != FINDINGS:
        raise DatasetError(f"{table}: the last 14 columns are not {', '.join(FINDINGS)}")
    _refuse_repeats([record["Path"] for record in records], table)
    try:
        split = split_rows([record["Path"] for record in records])
    except ValueError as error:
        raise DatasetError(f"{table}: {error}") from None
    rows = [
        _row(source, records[number], name, at_line(table, number))
        for name, numbers in split.items()
        for number in numbers
    ]
    require_every_class(rows, FINDINGS, table)
    return rows


def clean_labels(values: Sequence[str], where: str) -> tuple[int, ...]:
    """Return 0 or 1 per finding; where nothing is found, "No Finding" is.

    Raises:
        DatasetError: a value is not 1, 0, -1 or empty.
    """
    for name, value in zip(FINDINGS, values, strict=True):
        if value not in _PRESENT:
            raise DatasetError(f"{where}: {name} is {value!r}, not 1, 0, -1 or empty")
    labels = tuple(_PRESENT[value] for value in values)
    if any(labels):
        return labels
    return tuple(int(name == NO_FINDING) for name in FINDINGS)


SOURCE = PreparedSource(scan=partial(scan, split_rows=paper_split))


def _refuse_repeats(paths: Sequence[str], table: Path) -> None:
    seen = set[str]()
    for number, path in enumerate(paths):
        if path in seen:
            raise DatasetError(f"{at_line(table, number)}: '{path}' is listed twice")
        seen.add(path)


def _row(source: Path, record: dict[str, str], split: Split, where: str) -> Row:
    # The first part names the release: CheXpert-v1.0 or CheXpert-v1.0-small.
    parts = PurePosixPath(record["Path"]).parts[1:]
    if len(parts) != 4 or not parts[1].startswith("patient"):
        raise DatasetError(
            f"{where}: '{record['Path']}' is not <release>/train/patient<n>/study<n>/<picture>"
        )
    return Row(
        path=find_picture(source, "/".join(parts), where),
        split=split,
        domain="chexpert",
        labels=clean_labels([record[name] for name in FINDINGS], where),
        group=parts[1],
    )
