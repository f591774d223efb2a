"""Content hashes are remembered until the file changes."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from trainables.data import content_hash
from trainables.data.content_hash import content_sha256
from trainables.errors import StorageError


def test_second_look_does_not_read_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"content"))
    expected = hashlib.sha256(b"content").hexdigest()
    assert content_sha256(path, tmp_path / "store") == expected
    monkeypatch.setattr(content_hash, "_hash", lambda path: f"read {path.name} again")
    assert content_sha256(path, tmp_path / "store") == expected
    path.write_bytes(gzip.compress(b"other content"))
    assert content_sha256(path, tmp_path / "store") == "read x.gz again"


@pytest.mark.parametrize("damage", ["{", "[]", "{}"])
def test_damaged_memory_is_only_slower(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"content")
    first = content_sha256(path, tmp_path / "store")
    (memory,) = (tmp_path / "store" / "hashes").iterdir()
    memory.write_text(damage)
    assert content_sha256(path, tmp_path / "store") == first


def test_unwritable_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"content")
    (tmp_path / "store").write_text("a file in the way")
    with pytest.raises(StorageError, match="store"):
        content_sha256(path, tmp_path / "store")
