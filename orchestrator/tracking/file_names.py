"""Keep names of files and patients out of the tracking store, which more people read than the data.

A name becomes the keyed hash of itself: the same picture has the same name in every run of a
storage, and nobody without the storage's key can find a patient by trying numbers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainables.errors import StorageError

KEY_FILE = "file_names.key"

NAMING = frozenset({"case", "file_name", "group", "id", "ids", "image", "patient", "path"})
"""Columns and keys of artifacts whose values name pictures or patients."""

_TYPES = "jpe?g|png|bmp|tiff?|gif|webp|dcm|dicom|nii(?:\\.gz)?|csv|tsv|txt|jsonl?|parquet|npy|pt?"
_FILE = re.compile(rf"/[^'\"\n]*?\.(?:{_TYPES})\b|[^\s'\"/]+\.(?:{_TYPES})\b", re.IGNORECASE)


class FileNames:
    """Hash the names of files and patients.

    Args:
        key: of the storage, see :meth:`of_storage`; None lets names pass.
    """

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    @classmethod
    def of_storage(cls, storage: Path) -> FileNames:
        """Return the names of a storage, making its key at first use.

        Raises:
            StorageError: the key can be neither read nor written.
        """
        path = storage / KEY_FILE
        try:
            storage.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return cls(path.read_bytes())
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
            return cls(path.read_bytes())
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error

    def name(self, text: str) -> str:
        """Return what stands for the name of a picture or patient."""
        if self._key is None or not text:
            return text
        return f"name-{hmac.digest(self._key, text.encode(), hashlib.sha256).hex()[:16]}"

    def text(self, text: str) -> str:
        """Return a message with the files in it named so; programs keep their names."""
        if self._key is None:
            return text
        return _FILE.sub(lambda found: self.name(found[0]), text)

    @contextmanager
    def file(self, path: Path) -> Iterator[Path]:
        """Give a copy of a JSON, JSON lines or Parquet file with names of pictures hashed."""
        if self._key is None or path.suffix not in _REWRITE:
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            _REWRITE[path.suffix](self, path, copy)
            yield copy

    def json(self, value: Any, named: bool = False) -> Any:
        """Return JSON data with the strings under naming keys hashed."""
        if isinstance(value, dict):
            return {key: self.json(item, key in NAMING) for key, item in value.items()}
        if isinstance(value, list):
            return [self.json(item, named) for item in value]
        return self.name(value) if named and isinstance(value, str) else value


def _rewrite_json(names: FileNames, path: Path, copy: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    copy.write_text(json.dumps(names.json(content), indent=2), encoding="utf-8")


def _rewrite_lines(names: FileNames, path: Path, copy: Path) -> None:
    with path.open(encoding="utf-8") as lines, copy.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(names.json(json.loads(line))) + "\n")


def _rewrite_parquet(names: FileNames, path: Path, copy: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    for number, column in enumerate(table.column_names):
        if column in NAMING and pa.types.is_string(table.schema.field(column).type):
            hashed = [None if v is None else names.name(v) for v in table[column].to_pylist()]
            table = table.set_column(number, column, pa.array(hashed, pa.string()))
    pq.write_table(table, copy)


_REWRITE = {".json": _rewrite_json, ".jsonl": _rewrite_lines, ".parquet": _rewrite_parquet}
