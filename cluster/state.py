"""What this machine keeps of a cluster: its token and the files made for it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from trainables.errors import StorageError


def state_folder(name: str) -> Path:
    """Return the folder of a cluster, readable by its owner only."""
    folder = Path.home() / ".xenograft" / "clusters" / name
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror})") from error
    return folder


def token_of(name: str) -> str:
    """Return the token without which a cluster answers nobody; made at first use.

    Raises:
        StorageError: the file that keeps it cannot be written or read.
    """
    path = state_folder(name) / "token"
    try:
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def write_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write what a launcher made; return the paths.

    Raises:
        StorageError: a file cannot be written.
    """
    written = []
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_private(path, text)
        except OSError as error:
            raise StorageError(f"{path} cannot be written ({error.strerror})") from error
        written.append(path)
    return written
