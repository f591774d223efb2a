"""Content-addressed folders, built once for all processes: features, generated pixels.

An entry is ``<root>/<kind>/<sha256 of its key>/``. It is built in a temporary sibling under a file
lock and renamed when whole; ``index.json`` inside holds the key and size and sha256 of every file,
so that a truncated or altered entry is found, removed and built again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.config import canonical, digest
from trainables.data.atomic_file import replace_file, sha256_of, sync, write_json
from trainables.errors import StorageError

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

_INDEX = "index.json"
_BUILDS = "builds.jsonl"

# What a build may hit that is the store's fault and not that of the data it reads.
_STORE_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

# Entries whose hashes this process has checked: (index path, inode, mtime). A rebuilt entry has a
# new index file and is checked again.
_verified: set[tuple[str, int, int]] = set()


class ArtifactStore:
    """Build things once, share them between trials, runs and studies.

    Args:
        root: folder of the store; made when needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get_or_build(
        self, kind: str, key: Mapping[str, Any], build: Callable[[Path], None]
    ) -> Path:
        """Return the entry's folder, calling ``build(folder)`` to fill it if there is none.

        Of many processes that ask at once, one builds and the others wait for it.

        Args:
            key: everything the content depends on (see :func:`trainables.config.canonical`).
            build: fills the empty folder it is given; its own errors pass through.

        Raises:
            StorageError: the store cannot be written, or its disk is full.
        """
        entry = self.root / kind / digest(key)
        if self._is_whole(entry):
            return entry
        from filelock import FileLock  # plans only look

        with self._guard():
            entry.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{entry}.lock")
            lock.acquire()
        try:
            if not self._is_whole(entry):
                with self._guard():
                    _remove_leftovers(entry)
                self._build(entry, key, build)
        finally:
            lock.release()
        return entry

    def find(self, kind: str, key: Mapping[str, Any]) -> Path | None:
        """Return the entry's folder if it is there and whole."""
        entry = self.root / kind / digest(key)
        return entry if self._is_whole(entry) else None

    def find_unread(self, kind: str, key: Mapping[str, Any]) -> Path | None:
        """Return the entry's folder if all its files are there, of the size they were written.

        Contents are not looked at: of entries too large to be read at every start.
        """
        entry = self.root / kind / digest(key)
        return None if _fault(entry, hashes=False) else entry

    def builds(self, kind: str) -> list[dict[str, Any]]:
        """Return what was built so far, oldest first: time, key digest, pid and seconds of each."""
        log = self.root / kind / _BUILDS
        if not log.exists():
            return []
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]

    def _build(self, entry: Path, key: Mapping[str, Any], build: Callable[[Path], None]) -> None:
        temporary = entry.with_name(f"{entry.name}.tmp-{secrets.token_hex(4)}")
        start = time.monotonic()
        try:
            with self._guard():
                temporary.mkdir()
            with self._guard(_STORE_FAULTS):
                build(temporary)
            with self._guard():
                _write_index(temporary, key)
                temporary.replace(entry)
                sync(entry.parent)
                _log_build(entry, time.monotonic() - start)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _is_whole(self, entry: Path) -> bool:
        index = entry / _INDEX
        try:
            stat = index.stat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"the store {self.root} cannot be read: {error.strerror}") from error
        mark = (str(index), stat.st_ino, stat.st_mtime_ns)
        fault = _fault(entry, hashes=mark not in _verified)
        if fault:
            logger.warning("store entry %s: %s; it will be built again", entry, fault)
            return False
        _verified.add(mark)
        return True

    @contextlib.contextmanager
    def _guard(self, faults: set[int] | None = None) -> Iterator[None]:
        """Turn an OSError (only those in ``faults`` if given) into a StorageError."""
        try:
            yield
        except OSError as error:
            if faults is not None and error.errno not in faults:
                raise
            raise StorageError(
                f"the store {self.root} cannot be written: {error.strerror}. "
                "Free space there, make it writable, or choose another store folder."
            ) from error


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write named arrays as one safetensors file, whole or not at all."""
    import numpy as np
    from safetensors.numpy import save_file

    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    replace_file(path, lambda temporary: save_file(plain, str(temporary)))


def load_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read what :func:`save_arrays` wrote."""
    from safetensors.numpy import load_file

    arrays: dict[str, np.ndarray[Any, Any]] = load_file(str(path))
    return arrays


def _remove_leftovers(entry: Path) -> None:
    # Only the holder of the lock builds, so any temporary folder belongs to a killed builder.
    for abandoned in entry.parent.glob(f"{entry.name}.tmp-*"):
        logger.warning("removing %s, left by an interrupted build", abandoned)
        shutil.rmtree(abandoned)
    if entry.exists():
        shutil.rmtree(entry)


def _write_index(folder: Path, key: Mapping[str, Any]) -> None:
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        sync(path)
        files[path.relative_to(folder).as_posix()] = {
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
    write_json(folder / _INDEX, {"key": canonical(key), "files": files})


def _fault(entry: Path, hashes: bool) -> str:
    """Return what is wrong with an entry, or an empty string."""
    try:
        files = json.loads((entry / _INDEX).read_text(encoding="utf-8"))["files"]
        for name, known in files.items():
            size = (entry / name).stat().st_size
            if size != known["bytes"]:
                return f"{name} has {size} bytes instead of {known['bytes']}"
            if hashes and sha256_of(entry / name) != known["sha256"]:
                return f"{name} has changed"
    except FileNotFoundError as error:
        return f"{error.filename} is missing"
    except (ValueError, KeyError, TypeError):
        return f"{_INDEX} is damaged"
    return ""


def _log_build(entry: Path, seconds: float) -> None:
    line = {"t": time.time(), "key": entry.name, "pid": os.getpid(), "seconds": round(seconds, 3)}
    # One short write to a file opened for appending: lines of several builders do not mix.
    descriptor = os.open(entry.parent / _BUILDS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)
