"""What a prepared set consists of: one Parquet row per picture, and a JSON card beside it.

The digest covers contents, labels, splits and the order of the pictures, never where files are.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from trainables.data.atomic_file import replace_file, write_json
from trainables.data.card import Split
from trainables.errors import DatasetError

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.parquet"
PREPARED = "card.json"

# Manifests written before the column was added lack it.
_LATER = {"prompts"}
_CONTENT = ("sha256", "split", "domain", "label", "labels", "group", "captions", "mask_sha256")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One picture.

    Args:
        path: relative to the source folder, with forward slashes.
        sha256: of the file; empty until :func:`trainables.data.prepare.prepare` has read it.
        label: class index, None for multi-label sets.
        labels: 0 or 1 per class, empty for multi-class sets.
        group: what must not be torn between splits (a patient, a lesion); empty when unknown.
        captions: texts that describe the picture.
        mask: relative path of its segmentation; empty when there is none.
        mask_sha256: of the segmentation's file, as ``sha256``.
        prompts: what the segmentation is asked for with, as
            :func:`trainables.data.prompts.prompts_text` writes it; empty when there are none.
    """

    path: str
    split: Split
    domain: str
    label: int | None = None
    labels: tuple[int, ...] = ()
    group: str = ""
    captions: tuple[str, ...] = ()
    mask: str = ""
    sha256: str = ""
    mask_sha256: str = ""
    prompts: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedData:
    """What ``prepare`` made.

    Args:
        folder: holds the manifest and the JSON card.
        source: the folder with the files themselves.
        counts: pictures per split.
        differs: how the counts differ from the card's, empty when they do not.
        absent_domains: those of the card that were not in the source folder.
    """

    name: str
    folder: Path
    source: Path
    rows: int
    digest: str
    counts: dict[Split, int]
    differs: str = ""
    absent_domains: tuple[str, ...] = ()


def in_content_order(rows: Iterable[Row]) -> tuple[str, list[Row]]:
    """Return the digest of the rows, and the rows in the order it goes through them.

    The order is by content, labels and split: what is computed for the pictures of a set in this
    order, such as features, belongs to every set of the same digest, whatever its files are called.
    """
    pairs = sorted(((_content(row), row) for row in rows), key=itemgetter(0))
    text = "\n".join(line for line, _ in pairs)
    return hashlib.sha256(text.encode()).hexdigest(), [row for _, row in pairs]


def in_listed_order(rows: Iterable[Row]) -> tuple[str, list[Row]]:
    """Return the digest of the rows in the order given, and the rows in that order.

    For sets whose order means something: the digest covers it, so that the rule of
    :func:`in_content_order` holds for them too.
    """
    listed = list(rows)
    text = "\n".join(["listed", *map(_content, listed)])
    return hashlib.sha256(text.encode()).hexdigest(), listed


def write_manifest(folder: Path, rows: Sequence[Row]) -> Path:
    """Write the manifest, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=_schema())
    path = folder / MANIFEST
    replace_file(path, lambda temporary: pq.write_table(table, temporary))
    return path


def read_manifest(path: Path) -> list[Row]:
    """Read a manifest.

    Raises:
        DatasetError: it is missing, not Parquet, lacks a column, or holds an unknown split.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DatasetError(f"{path}: there is no manifest. Run 'xenograft prepare' again.")
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"{path}: the manifest cannot be read ({str(error).splitlines()[0]}). "
            "Run 'xenograft prepare' again."
        ) from error
    for column in _schema():
        if column.name not in table.column_names and column.name not in _LATER:
            raise DatasetError(
                f"{path}: the manifest has no column '{column.name}'. "
                "Run 'xenograft prepare' again."
            )
        if column.name in table.column_names and table.field(column.name).type != column.type:
            raise DatasetError(f"{path}: column '{column.name}' is not of type {column.type}")
    return [_row(values, path, number) for number, values in enumerate(table.to_pylist())]


def write_prepared(prepared: PreparedData) -> None:
    """Write the JSON card of a prepared set, whole or not at all."""
    body = {**asdict(prepared), "source": str(prepared.source)}
    write_json(prepared.folder / PREPARED, {k: v for k, v in body.items() if k != "folder"})


def read_prepared(folder: Path) -> PreparedData | None:
    """Return what was prepared in a folder, None if nothing was.

    Raises:
        DatasetError: the JSON card is damaged.
    """
    path = folder / PREPARED
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        found = {"folder": folder, "source": Path(body["source"])}
        absent = tuple(body.get("absent_domains", ()))
        return PreparedData(**{**body, **found, "absent_domains": absent})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{path}: the card of a prepared set is damaged ({error}). "
            "Run 'xenograft prepare' again."
        ) from error


def split_counts(rows: Iterable[Row]) -> dict[Split, int]:
    """Return pictures per split."""
    counted = Counter(row.split for row in rows)
    return {split: counted[split] for split in get_args(Split)}


def _row(values: dict[str, Any], path: Path, number: int) -> Row:
    if values["split"] not in get_args(Split):
        raise DatasetError(f"{path}: row {number} has unknown split {values['split']!r}")
    lists = {name: tuple(values[name]) for name in ("labels", "captions")}
    known = {field.name: values[field.name] for field in _schema() if field.name in values}
    return Row(**known | lists)


def _content(row: Row) -> str:
    # Only where there are prompts, so that sets without any keep the digest they had before.
    prompts = [row.prompts] if row.prompts else []
    return json.dumps([getattr(row, name) for name in _CONTENT] + prompts)


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        {
            "path": pa.string(),
            "sha256": pa.string(),
            "split": pa.string(),
            "label": pa.int64(),
            "labels": pa.list_(pa.int64()),
            "domain": pa.string(),
            "group": pa.string(),
            "captions": pa.list_(pa.string()),
            "mask": pa.string(),
            "mask_sha256": pa.string(),
            "prompts": pa.string(),
        }
    )
