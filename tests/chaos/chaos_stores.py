"""Tracking stores that are ready for use: MLflow takes a CPU-second to make one."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import threading
from pathlib import Path

from orchestrator.tracking import init_store

_one_at_a_time = threading.Lock()


def copy_ready_store(path: Path) -> None:
    """Make an empty sqlite store at a path."""
    with _one_at_a_time:
        ready = _ready_store()
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ready, path)


@functools.cache
def _ready_store() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="chaos-store-"))
    atexit.register(shutil.rmtree, folder)
    path = folder / "mlflow.db"
    init_store(f"sqlite:///{path}")
    return path
