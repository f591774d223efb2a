"""Hashes of large files, remembered in the store until size or time of the file change."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

from trainables.config import digest
from trainables.data.atomic_file import write_json
from trainables.errors import DatasetError, StorageError


def content_sha256(path: Path, store: Path) -> str:
    """Return the sha256 (hex) of what a file holds, after decompression when it ends in ``.gz``.

    Args:
        store: folder of the content-addressed store.

    Raises:
        DatasetError: the file cannot be read.
        StorageError: the hash cannot be remembered.
    """
    memory = store / "hashes" / f"{digest(str(path.resolve()))}.json"
    stat = path.stat()
    seen = {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    known = _recall(memory)
    if {name: known.get(name) for name in seen} == seen and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    sha256 = _hash(path)
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, {**seen, "path": str(path), "sha256": sha256})
    except OSError as error:
        raise StorageError(f"the store {store} cannot be written: {error.strerror}") from error
    return sha256


def _recall(memory: Path) -> dict[str, Any]:
    # A damaged memory costs one more hashing, nothing else.
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _hash(path: Path) -> str:
    sha256 = hashlib.sha256()
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            while block := file.read(1 << 20):
                sha256.update(block)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    return sha256.hexdigest()
