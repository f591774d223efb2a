"""What kind of failure an error is, on one worker and in a group of ranks."""

from __future__ import annotations

import errno
import json
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from orchestrator.events import FailureKind
from orchestrator.messages import Failure
from trainables.context import NonFiniteLossError
from trainables.errors import DatasetError, StorageError, XenograftError

_STORAGE_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
LOST_PEER = (
    # Collectives on CPUs have no error of their own.
    *("gloo/transport", "Connection closed by peer", "Connection reset by peer"),
    *("DistBackendError", "DistNetworkError", "DistStoreError"),
    # Ray has ended the group under a rank that still computes.
    "Default process group has not been initialized",
)
"""What errors of a rank say, or are called, when another one is gone."""


def classify_failure(error: Exception) -> Failure:
    """Return the failure's kind, with a message for user errors and a traceback for bugs."""
    kind: FailureKind = "bug"
    if isinstance(error, NonFiniteLossError):
        kind = "nan"
    elif isinstance(error, DatasetError):
        kind = "data"
    elif isinstance(error, StorageError) or _is_storage_fault(error):
        kind = "infrastructure"
    elif _is_out_of_memory(error):
        kind = "out_of_memory"
    if isinstance(error, XenograftError):
        return Failure(kind=kind, error=str(error))
    text = "".join(traceback.format_exception(error))
    return Failure(kind=kind, error=text[-4000:])


def note_failure(folder: Path, rank: int, failure: Failure) -> None:
    """Leave why a rank failed in its trial's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _note(folder, rank).write_text(json.dumps(asdict(failure)))


def forget_failures(folder: Path) -> None:
    """Remove what the ranks of an earlier attempt left."""
    for note in folder.glob(_note(folder, "*").name):
        note.unlink()


def group_failure(folder: Path) -> Failure | None:
    """Return what the first rank that failed of itself left; None if none did."""
    for note in sorted(folder.glob(_note(folder, "*").name)):
        return Failure(**json.loads(note.read_text()))
    return None


def is_lost_peer(error: BaseException) -> bool:
    """Return whether a rank failed because another process of its group is gone.

    A rank that fails takes the others with it: what they raise then says nothing of the cause.
    """
    return any(_says_lost_peer(cause) for cause in _causes(error))


def _note(folder: Path, rank: int | str) -> Path:
    return folder / f"failure-{rank}.json"


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    # Allocators of CPUs and of libraries on GPUs have no error of their own.
    signs = ("can't allocate memory", "CUDA out of memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def _is_storage_fault(error: BaseException) -> bool:
    """Return whether an error is of a disk that is full, gone or failing, or came of such a one."""
    return any(
        isinstance(cause, OSError) and cause.errno in _STORAGE_FAULTS for cause in _causes(error)
    )


def _says_lost_peer(error: BaseException) -> bool:
    # Compared by name: neither torch nor Ray is imported to find that out.
    if {"DistError", "RayActorError"} & {kind.__name__ for kind in type(error).__mro__}:
        return True
    kinds = (RuntimeError, ValueError)
    return isinstance(error, kinds) and any(sign in str(error) for sign in LOST_PEER)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
