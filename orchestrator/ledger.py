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
            os.write(self._descriptor, encode(event).encode() + b"\n")
            if isinstance(event, EndEvent):
                os.fsync(self._descriptor)
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}") from error

    def read(self, offset: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield (byte offset after the event, event) from an offset on; nothing without a file.

        Raises:
            StorageError: a line other than the last is not an event.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                offset += len(line)
                try:
                    event = decode(line.decode())
                except (ValueError, KeyError, TypeError) as error:
                    raise StorageError(
                        f"{self.path}: the line that ends at byte {offset} is not an event "
                        f"({type(error).__name__}: {error}). Restore the file from a backup, or "
                        f"move it away to start the study anew."
                    ) from error
                yield offset, event

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        _drop_torn_line(descriptor)
        return descriptor


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
