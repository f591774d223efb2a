"""A worker that is silent for too long ends itself, and leaves word of where it hung."""

from __future__ import annotations

import faulthandler
from pathlib import Path
from types import TracebackType
from typing import TextIO

_PREFIX = "hung-"


class Heartbeat:
    """Watch one trial of this process: each :meth:`beat` gives it another ``limit_s``.

    The watch is a thread of the interpreter's own that needs no lock, so it also ends a process
    that hangs in native code. Tune sees a worker that died, and starts the trial elsewhere.

    Args:
        folder: the trial's own; the stacks of all threads are left there.
        rank: of this process in the trial.
        limit_s: 0 watches nothing.
    """

    def __init__(self, folder: Path, rank: int, limit_s: float) -> None:
        self._note, self._limit_s = folder / f"{_PREFIX}{rank}.txt", limit_s
        self._file: TextIO | None = None

    def __enter__(self) -> Heartbeat:
        self._note.unlink(missing_ok=True)
        if self._limit_s:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._note.open("w")
            self.beat()
        return self

    def beat(self) -> None:
        """Say that the trial is alive."""
        if self._file is not None:
            faulthandler.dump_traceback_later(self._limit_s, exit=True, file=self._file)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            faulthandler.cancel_dump_traceback_later()
            self._file.close()
            self._note.unlink()


def hung_note(folder: Path) -> Path | None:
    """Return where a trial's last attempt left word of a hang, None if it did not hang."""
    written = (note for note in sorted(folder.glob(f"{_PREFIX}*.txt")) if note.stat().st_size)
    return next(written, None)
