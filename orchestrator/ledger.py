"""The ledger: everything that happened in a study, in one append-only file of the driver.

It is the single source of truth. The queue is rebuilt from it after any interruption, tracking
ships it to MLflow, and ``status`` reads it while a run goes on. A line is one event; a torn last
line (the driver was killed while writing) is dropped when the ledger is opened for writing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator.events import EndEvent, Event, decode, encode
from trainables.errors import StorageError


class Ledger:
    """Append to, and read, one study's ledger.

    Args:
        path: the JSONL file; made with its folder on the first append.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def append(self, event: Event) -> None:
        """Write one event. The end of a trial is on disk when this returns.

        Raises:
            StorageError: the file cannot be written.
        """
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            _write_whole(self._descriptor, encode(event).encode() + b"\n")
            if isinstance(event, EndEvent):
                os.fsync(self._descriptor)
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}") from error

    def read(self, offset: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield (byte offset after the event, event) from an offset on; nothing without a file.

        Raises:
            StorageError: the file cannot be read, or a line other than the last is not an event.
        """
        if not self.path.exists():
            return
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise StorageError(
                f"cannot read {self.path} ({error.strerror}): fix its permissions, or move it "
                f"away to start the study anew"
            ) from error
        with file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                offset += len(line)
                yield offset, self._decode(line, offset)

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _decode(self, line: bytes, end: int) -> Event:
        try:
            return decode(line.decode())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(
                f"{self.path}: the line that ends at byte {end} is not an event "
                f"({type(error).__name__}: {error}). Restore the file from a backup, or "
                f"move it away to start the study anew."
            ) from error

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        _drop_torn_line(descriptor)
        return descriptor


def _write_whole(descriptor: int, line: bytes) -> None:
    """Write a line, or nothing of it: a full disk must not leave a piece the next one sticks to."""
    start = os.fstat(descriptor).st_size
    try:
        while line:
            line = line[os.write(descriptor, line) :]
    except OSError:
        os.ftruncate(descriptor, start)
        raise


def _drop_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    position = size
    while position > 0:
        start = max(0, position - 65536)
        block = os.pread(descriptor, position - start, start)
        newline = block.rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position < size:
        os.ftruncate(descriptor, position)
