"""Files of what is known beside pictures and weights: lists of concepts, priors, annotations.

A config whose trial reads such files has a method ``knowledge_files``, which returns them as a
tuple. They are part of a cell's identity by what they hold, and looked for before anything runs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.data.content_hash import content_sha256
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.context import Locations


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeFile:
    """One file that the user brings.

    Args:
        place: its path below the data folder, with slashes.
        title: what it holds.
        how_to_get: where it comes from.
        or_folder: whether a folder of that name without its ending may stand in for it.
    """

    place: str
    title: str
    how_to_get: str
    or_folder: bool = False

    def find(self, locations: Locations) -> Path:
        """Return where it is.

        Raises:
            DatasetError: it is not here; the message says where to get it and where to put it.
        """
        path = locations.data / self.place
        if path.is_file():
            return path
        if self.or_folder and path.with_suffix("").is_dir():
            return path.with_suffix("")
        raise DatasetError(f"{self.title} is not here. Get {self.how_to_get}, and put it at {path}")


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeStatus:
    """Whether a file is here.

    Args:
        digest: of its content; empty when absent.
        reason: when absent, what to get and where to put it.
    """

    file: KnowledgeFile
    digest: str
    present: bool
    reason: str = ""


def knowledge_files(config: Any) -> tuple[KnowledgeFile, ...]:
    """Return the files that a trial of this config reads."""
    named = getattr(config, "knowledge_files", None)
    return () if named is None else named()


def knowledge_status(file: KnowledgeFile, locations: Locations) -> KnowledgeStatus:
    """Tell presence and digest without understanding the file.

    Raises:
        DatasetError: it is here and cannot be read.
        StorageError: its hash cannot be remembered.
    """
    try:
        path = file.find(locations)
    except DatasetError as error:
        return KnowledgeStatus(file=file, digest="", present=False, reason=str(error))
    if path.is_dir():
        return KnowledgeStatus(file=file, digest=_folder_sha256(path), present=True)
    return KnowledgeStatus(file=file, digest=content_sha256(path, locations.store), present=True)


def _folder_sha256(folder: Path) -> str:
    sha256 = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        # Each part by its length too, so that no name runs into a content.
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes()):
            sha256.update(len(part).to_bytes(8, "big") + part)
    return sha256.hexdigest()
