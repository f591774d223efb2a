"""Read what users bring: tables, lists and pictures in a source folder."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from trainables.data.manifest import Row
from trainables.errors import DatasetError


def read_csv(table: Path, columns: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the header of a CSV file, and its records by column.

    Args:
        columns: those that must be there.

    Raises:
        DatasetError: the file is missing or no CSV, a column is missing, a line is too short or
            too long.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            found = list(reader.fieldnames or [])
            for column in columns:
                if column not in found:
                    raise DatasetError(
                        f"{table}: there is no column '{column}' (found: {', '.join(found)})"
                    )
            records = list(reader)
    except FileNotFoundError:
        raise DatasetError(f"{table} is missing") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: cannot be read as CSV ({error})") from error
    for number, record in enumerate(records):
        # A surplus value is kept under None, a missing one is None.
        if None in record or None in record.values():
            raise DatasetError(
                f"{at_line(table, number)}: not {len(found)} values as in the header"
            )
    return found, records


def at_line(table: Path, record: int) -> str:
    """Say where the record with this number is, from 0; line 1 is the header."""
    return f"{table}, line {record + 2}"


def find_picture(source: Path, relative: str, where: str) -> str:
    """Return the path of a picture relative to ``source``: a PNG of the same stem if there is one.

    Args:
        where: names the file and line that list the picture.

    Raises:
        DatasetError: there is no such picture.
    """
    # Foundation-Medical and feature-reuse prefer converted pictures beside the originals.
    png = Path(relative).with_suffix(".png").as_posix()
    for candidate in dict.fromkeys((png, relative)):
        if (source / candidate).is_file():
            return candidate
    raise DatasetError(f"{where}: there is no picture {relative}")


def require_every_class(rows: Iterable[Row], classes: Sequence[str], where: Path) -> None:
    """Check that every class has a training picture.

    Raises:
        DatasetError: a class has none.
    """
    found = set[int]()
    for row in rows:
        if row.split == "train":
            found.update(k for k, present in enumerate(row.labels) if present)
            if row.label is not None:
                found.add(row.label)
    for label, name in enumerate(classes):
        if label not in found:
            raise DatasetError(f"{where}: no training picture of class '{name}'")
