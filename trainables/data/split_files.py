"""Splits as files: which picture is in which split, and of which class.

A split file is JSON (what ``xenograft import splits`` writes), or a table with one line per
picture as CSV or Parquet. Paths are relative to the folder of the data sets, with forward slashes.
The order of classes is that of the labels; the order of pictures is kept, as papers draw by
position.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from trainables.data.atomic_file import replace_file
from trainables.data.card import SPLITS, Split
from trainables.data.json_file import read_json
from trainables.errors import DatasetError

FORMAT = "xenograft-splits/1"
NAMES = ("splits.json", "splits.csv", "splits.parquet")
"""What a split file is called, in the folder of its data set; there is one of them."""

COLUMNS = ("split", "label", "class", "path")
"""Of a table; ``label`` numbers the classes from 0."""

_DIGEST_LENGTH = 16

ByClass = Mapping[str, Sequence[str]]
"""Class -> paths of its pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitFile:
    """The pictures of a data set.

    Args:
        dataset: the name its authors gave it.
        classes: in the order of the labels; the authors' spelling, which is a key elsewhere.
        splits: the pictures of each, by class in the order of ``classes``.
    """

    dataset: str
    classes: tuple[str, ...]
    splits: Mapping[Split, Mapping[str, tuple[str, ...]]]


def split_digest(by_class: ByClass) -> str:
    """Return the identity of one split: the start of the sha256 of its JSON, order kept."""
    plain = {name: list(paths) for name, paths in by_class.items()}
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def checked(dataset: str, splits: Mapping[Split, ByClass], where: Path) -> SplitFile:
    """Return the splits of a data set after checking them.

    Args:
        where: names the file or folder they come from.

    Raises:
        DatasetError: classes differ between splits, one has no training picture, a path is not
            inside the folder of the data sets.
    """
    classes = tuple(splits["train"])
    for split in SPLITS:
        if tuple(splits[split]) != classes:
            raise DatasetError(
                f"{where}: the classes of {split} ({', '.join(splits[split])}) are not those of "
                f"train, in the same order ({', '.join(classes)})"
            )
        for path in (path for paths in splits[split].values() for path in paths):
            _check_path(path, f"{where}: {split}")
    for name in classes:
        if not splits["train"][name]:
            raise DatasetError(f"{where}: no training picture of class '{name}'")
    if len(classes) < 2:
        raise DatasetError(f"{where}: fewer than two classes")
    kept = {split: {k: tuple(v) for k, v in splits[split].items()} for split in SPLITS}
    return SplitFile(dataset=dataset, classes=classes, splits=kept)


def find_split_file(folder: Path) -> Path:
    """Return the split file in a data set's folder.

    Raises:
        DatasetError: there is none, or more than one.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise DatasetError(f"{folder}: has {' and '.join(p.name for p in found)}; keep one")
    raise DatasetError(
        f"{folder / NAMES[0]} is missing. If the released class2images_*.p are in "
        f"{folder / 'splits'}, run 'xenograft import splits {folder.parent}'."
    )


def read_split_file(path: Path) -> SplitFile:
    """Read a split file of any of the three kinds; a table takes its name from its folder.

    Raises:
        DatasetError: the file cannot be read, has another form, or fails :func:`checked`.
    """
    if path.suffix == ".json":
        return _read_json(path)
    records = _parquet_records(path) if path.suffix == ".parquet" else _csv_records(path)
    return checked(path.resolve().parent.name, _by_split(records, path), path)


def write_split_file(path: Path, splits: SplitFile) -> None:
    """Write a split file as JSON, whole or not at all."""
    body = {
        "format": FORMAT,
        "dataset": splits.dataset,
        "classes": list(splits.classes),
        "splits": splits.splits,
    }
    text = json.dumps(body, ensure_ascii=False, indent=0) + "\n"
    replace_file(path, lambda temporary: _write_text(temporary, text))


def as_by_class(value: object, where: str) -> dict[str, list[str]]:
    """Return a value that is class -> list of paths.

    Raises:
        DatasetError: it is something else.
    """
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: not a mapping of classes to lists of paths")
    for name, paths in value.items():
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise DatasetError(f"{where}: class '{name}' is not a list of paths")
    return value


def _check_path(path: str, where: str) -> None:
    pure = PurePosixPath(path)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
        raise DatasetError(
            f"{where}: '{path}' is not a path below the folder of the data sets, with '/'"
        )


def _read_json(path: Path) -> SplitFile:
    body = read_json(path)
    keys = {"format", "dataset", "classes", "splits"}
    if not isinstance(body, dict) or set(body) != keys or body["format"] != FORMAT:
        raise DatasetError(
            f"{path}: not an object of format '{FORMAT}' with exactly {', '.join(sorted(keys))}"
        )
    dataset, classes, parts = body["dataset"], body["classes"], body["splits"]
    if not isinstance(dataset, str) or not isinstance(parts, dict) or set(parts) != set(SPLITS):
        raise DatasetError(f"{path}: 'dataset' is no text, or 'splits' has not train, val and test")
    splits = {s: as_by_class(parts[s], f"{path}: {s}") for s in SPLITS}
    if classes != list(splits["train"]):
        raise DatasetError(f"{path}: 'classes' are not the keys of train, in the same order")
    return checked(dataset, splits, path)


def _csv_records(path: Path) -> list[dict[str, Any]]:
    from trainables.data.source_files import read_csv

    return list(read_csv(path, COLUMNS)[1])


def _parquet_records(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    missing = [column for column in COLUMNS if column not in table.column_names]
    if missing:
        raise DatasetError(f"{path}: there is no column '{missing[0]}'")
    records: list[dict[str, Any]] = table.select(list(COLUMNS)).to_pylist()
    return records


def _by_split(records: Iterable[Mapping[str, Any]], path: Path) -> dict[Split, ByClass]:
    named: dict[int, str] = {}
    found: dict[str, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for number, record in enumerate(records, start=1):
        split, label, name, picture = (record[column] for column in COLUMNS)
        where = f"{path}, picture {number}"
        if split not in found:
            raise DatasetError(f"{where}: split {split!r} is not one of {', '.join(SPLITS)}")
        if not isinstance(name, str) or not isinstance(picture, str):
            raise DatasetError(f"{where}: class or path is no text")
        if named.setdefault(_label(label, where), name) != name:
            raise DatasetError(
                f"{where}: label {label} is '{name}' here, '{named[int(label)]}' before"
            )
        found[split].setdefault(name, []).append(picture)
    classes = [named[label] for label in sorted(named)]
    if sorted(named) != list(range(len(named))) or len(set(classes)) < len(classes):
        raise DatasetError(f"{path}: labels do not number the classes from 0, one each")
    return {split: {name: found[split].get(name, []) for name in classes} for split in SPLITS}


def _label(value: object, where: str) -> int:
    # Text in CSV, a number in Parquet.
    if isinstance(value, bool) or not str(value).isdecimal():
        raise DatasetError(f"{where}: label {value!r} is not a whole number from 0")
    return int(str(value))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
