"""Checkpoints that are whole or not there: one safetensors file and one JSON, never a pickle.

``state.json`` holds the nesting, with every tensor replaced by its name in ``tensors.safetensors``,
and the size and sha256 of that file. A folder appears under its final name only after both files
have been flushed to disk.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trainables.context import State
from trainables.data.atomic_file import sha256_of, sync
from trainables.engine.state_tree import pack, unpack
from trainables.errors import StorageError

logger = logging.getLogger(__name__)

_TENSORS = "tensors.safetensors"
_TREE = "state.json"
_PREFIX = "step-"


class _DamagedError(Exception):
    """A checkpoint folder does not hold what was written."""


def save_checkpoint(folder: Path, step: int, state: State, keep: int = 2) -> None:
    """Write ``state`` as ``folder/step-000012`` and delete all but the newest ``keep``.

    Raises:
        StorageError: it cannot be written; what was there before still is.
    """
    try:
        _save(folder, step, state, keep)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write a checkpoint into {folder}: {error}") from error


def _save(folder: Path, step: int, state: State, keep: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
    _write(building, state)
    final = folder / f"{_PREFIX}{step:06d}"
    if final.exists():
        # Only a damaged checkpoint is ever written again. A rename cannot replace a full folder.
        shutil.rmtree(final)
    building.rename(final)
    sync(folder)
    for old in _newest_first(folder)[keep:]:
        shutil.rmtree(old)


def load_newest_checkpoint(folder: Path) -> tuple[int, State] | None:
    """Return (step, state) of the newest undamaged checkpoint, or None when there is none.

    Tensors come back on the CPU. A damaged checkpoint is logged and the next older one is used.
    """
    for path in _newest_first(folder):
        try:
            return int(path.name.removeprefix(_PREFIX)), _read(path)
        except _DamagedError as error:
            logger.warning("checkpoint %s is damaged (%s); using the one before", path, error)
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_PREFIX}[0-9]*"), key=lambda p: p.name, reverse=True)


def _remove_abandoned(folder: Path) -> None:
    # One trial has one writer, so an unfinished folder belongs to a writer that was killed.
    for path in folder.glob(".building-*"):
        shutil.rmtree(path)


def _write(folder: Path, state: State) -> None:
    tree, tensors = pack(state)
    save_file(tensors, folder / _TENSORS)
    text = json.dumps(tree, separators=(",", ":"), allow_nan=False)
    index = {
        "size": (folder / _TENSORS).stat().st_size,
        "sha256": sha256_of(folder / _TENSORS),
        "tree_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "tree": text,
    }
    (folder / _TREE).write_text(json.dumps(index))
    for path in (folder / _TENSORS, folder / _TREE, folder):
        sync(path)


def _read(folder: Path) -> State:
    try:
        index = json.loads((folder / _TREE).read_text())
        text = index["tree"]
        if hashlib.sha256(text.encode()).hexdigest() != index["tree_sha256"]:
            raise _DamagedError(f"{_TREE} was altered")
        size = (folder / _TENSORS).stat().st_size
        if size != index["size"]:
            raise _DamagedError(f"{_TENSORS} has {size} bytes instead of {index['size']}")
        if sha256_of(folder / _TENSORS) != index["sha256"]:
            raise _DamagedError(f"{_TENSORS} was altered")
        state: Any = unpack(json.loads(text), load_file(folder / _TENSORS))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise _DamagedError(f"{type(error).__name__}: {error}") from error
    return dict(state)
