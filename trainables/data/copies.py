"""Decoded copies of the pictures of a prepared set: what they are called, and where they are.

``isic2019@256`` is the set whose pictures are those of ``isic2019`` with a short side of 256 px, a
data set of its own in every identity, because numbers change with the pixels. Exact copies have the
pixels of the files, so they have no name: where they are, they are read instead. No numpy here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

KIND = "copies"
"""Kind of their entries in the store."""

INDEX = "pictures.safetensors"
PER_SHARD = 256
"""Pictures in a shard; shards are written by processes of their own and kept when one dies."""

_MARK = "@"
_VERSION = 1  # raised when the same files would give other copies


def split_name(name: str) -> tuple[str, int | None]:
    """Return a set's name and the short side of its copies in px, None for the set itself."""
    base, mark, size = name.rpartition(_MARK)
    # No sign, no leading zero: a set of copies has one name.
    return (base, int(size)) if mark and size.isdecimal() and size[0] != "0" else (name, None)


def copies_name(base: str, short_side_px: int) -> str:
    """Return the name of the set of copies."""
    return f"{base}{_MARK}{short_side_px}"


def shard_name(number: int) -> str:
    """Return the file that the pictures of a shard lie in, one behind the other, (h, w, c)."""
    return f"shard-{number:05d}.u8"


def copies_key(data_digest: str, short_side_px: int | None) -> dict[str, Any]:
    """Return what identifies copies in the store.

    Args:
        short_side_px: None for exact copies.
    """
    return {"data": data_digest, "short_side_px": short_side_px, "version": _VERSION}


def find_copies(store: Path, data_digest: str, short_side_px: int | None) -> Path | None:
    """Return the folder of the copies, None where there are none."""
    # Lists and plans read names, and do without what locks files.
    from trainables.data.artifact_store import ArtifactStore

    return ArtifactStore(store).find_unread(KIND, copies_key(data_digest, short_side_px))
