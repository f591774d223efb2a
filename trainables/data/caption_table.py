"""Read tables of pictures and the texts about them, row by row; no table is held in memory.

Two forms:

* Parquet (``.parquet``) or JSON lines (``.jsonl``), one report a row: ``images`` (list of paths),
  ``views`` (one of each picture, where views matter), ``findings`` (list of texts) and/or
  ``report`` (text), and ``report_id`` and/or ``split``;
* CSV (``.csv``) or tab-separated values (``.tsv``), one pair a row, as OpenCLIP trains on:
  ``filepath`` and ``title``, ``view`` where views matter, and ``report_id`` and/or ``split``. Rows
  of a picture are neighbours.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from trainables.data.card import SPLITS, Split
from trainables.errors import DatasetError

_ROWS_AT_ONCE = 1024
_COLUMNS = ("images", "views", "findings", "report", "report_id", "split")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionRow:
    """One report.

    Args:
        where: names the table and the row.
        images: paths of its pictures, relative to the folder of the table.
        views: of its pictures, as many; empty where the table does not say.
        findings: short texts, stripped, none empty.
        report: the text as it was written, stripped; empty when the table has none.
        report_id: what must not be torn between splits; empty when the split is given.
        split: None where the table does not say.
    """

    where: str
    images: tuple[str, ...]
    views: tuple[str, ...]
    findings: tuple[str, ...]
    report: str
    report_id: str
    split: Split | None


def read_caption_table(path: Path) -> Iterator[CaptionRow]:
    """Yield the rows of a table in its order.

    Raises:
        DatasetError: the table is missing, damaged or of an unknown kind, lacks a column, or a row
            has a value that cannot be used; the message names the row, counted from 1.
    """
    readers: dict[str, Callable[[Path], Iterator[tuple[str, Mapping[str, Any]]]]] = {
        ".parquet": _parquet,
        ".jsonl": _json_lines,
        ".csv": _pairs,
        ".tsv": _pairs,
    }
    if path.suffix not in readers:
        raise DatasetError(f"{path}: caption tables end in {', '.join(readers)}")
    try:
        for where, values in readers[path.suffix](path):
            yield _row(where, values)
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
            number = 0
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns):
                for values in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", values
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"{path}: cannot be read as Parquet ({reason})") from error


def _json_lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}, row {number}"
            try:
                values = json.loads(line)
            except ValueError as error:
                raise DatasetError(f"{where}: not JSON ({error})") from None
            if not isinstance(values, dict):
                raise DatasetError(f"{where}: not a JSON object")
            yield where, values


def _pairs(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield one row per picture of a table of pairs."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        for column in ("filepath", "title"):
            if column not in (reader.fieldnames or ()):
                raise DatasetError(f"{path}: there is no column '{column}'")
        numbered = _whole_lines(path, reader)
        for picture, pairs in groupby(numbered, key=lambda pair: pair[1]["filepath"]):
            rows = list(pairs)
            first = rows[0][1]
            values: dict[str, Any] = {name: first.get(name) for name in ("report_id", "split")}
            values |= {"images": [picture], "findings": [row["title"] for _, row in rows]}
            if first.get("view"):
                values["views"] = [first["view"]]
            yield f"{path}, row {rows[0][0]}", values


def _whole_lines(
    path: Path, reader: csv.DictReader[str]
) -> Iterator[tuple[int, Mapping[str, str]]]:
    for number, row in enumerate(reader, start=1):
        # A surplus value is kept under None, a missing one is None.
        if None in row or None in row.values():
            raise DatasetError(f"{path}, row {number}: not as many values as the header has")
        yield number, row


def _row(where: str, values: Mapping[str, Any]) -> CaptionRow:
    split = values.get("split") or None
    if split is not None and split not in SPLITS:
        raise DatasetError(f"{where}: split is {split!r}, not one of {', '.join(SPLITS)}")
    report_id = values.get("report_id")
    if split is None and not report_id:
        raise DatasetError(f"{where}: neither 'split' nor 'report_id', so it has no split")
    images = _texts(where, "images", values.get("images"))
    if not images:
        raise DatasetError(f"{where}: 'images' names no picture")
    for image in images:
        if PurePosixPath(image).is_absolute() or ".." in PurePosixPath(image).parts:
            raise DatasetError(f"{where}: '{image}' is not a path inside the table's folder")
    views = _texts(where, "views", values.get("views") or [])
    if views and len(views) != len(images):
        raise DatasetError(f"{where}: {len(views)} views of {len(images)} pictures")
    report = values.get("report") or ""
    if not isinstance(report, str):
        raise DatasetError(f"{where}: 'report' is not a text but {report!r}")
    return CaptionRow(
        where=where,
        images=images,
        views=views,
        findings=_texts(where, "findings", values.get("findings") or []),
        report=report.strip(),
        report_id=str(report_id or ""),
        split=split,
    )


def _texts(where: str, column: str, values: Any) -> tuple[str, ...]:
    """Return the texts of a list, stripped, without empty ones."""
    if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
        raise DatasetError(f"{where}: '{column}' is not a list of texts but {values!r}")
    return tuple(stripped for text in values if (stripped := text.strip()))
