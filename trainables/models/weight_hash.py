"""The sha256 of a weight file, computed once per version of the file."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from trainables.errors import StorageError

_CHUNK_BYTES = 1 << 20


def file_sha256(path: Path, store: Path) -> str:
    """Return the file's sha256 (hex), remembered in the store by path, size and time of change.

    Raises:
        StorageError: the store cannot be written.
    """
    stat = path.stat()
    where = str(path.resolve())
    version = {"path": where, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    name = hashlib.sha256(where.encode()).hexdigest()[:24]
    note = store / "weight_hashes" / f"{name}.json"
    known = _read(note)
    if known is not None and {**known, **version} == known:
        return str(known["sha256"])
    sha256 = _compute(path)
    _write(note, {**version, "sha256": sha256})
    return sha256


def _compute(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def _read(note: Path) -> dict[str, object] | None:
    try:
        known = json.loads(note.read_text())
    except (OSError, ValueError):
        return None
    return known if isinstance(known, dict) and "sha256" in known else None


def _write(note: Path, content: dict[str, object]) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=note.parent, suffix=".tmp")
        with os.fdopen(handle, "w") as file:
            json.dump(content, file)
        Path(temporary).replace(note)
    except OSError as error:
        raise StorageError(f"the store cannot be written: {note.parent}: {error}") from None
