"""The machine itself: threads, shared memory, the folder of the runs and the disk below it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from orchestrator.environment.check import Found
from orchestrator.resources import local_node
from orchestrator.settings import Settings

_GIB = 2**30
_LEAST_DISK_GIB = 1.0
_GOOD_DISK_GIB = 10.0
"""Features and checkpoints of a study on real data take some gigabytes."""

_GOOD_SHARED_GIB = 1.0
"""Ray keeps its objects there, loader processes their batches; a container's default is 64 MiB."""

_SHARED = Path("/dev/shm")
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def threads(settings: Settings) -> Found:
    """Compare the threads that libraries may start with the CPUs of a trial."""
    cpus = int(local_node()["CPU"])
    share = max(1, int(settings.cpus_per_worker))
    what = f"{cpus} CPUs here, {settings.cpus_per_worker:g} per worker"
    for variable in _VARIABLES:
        value = os.environ.get(variable, "")
        if value and not value.isdigit():
            return Found(
                state="warn", what=f"{variable}={value} is no number", remedy=f"unset {variable}"
            )
        if value and int(value) > share:
            return Found(
                state="warn",
                what=f"{what}; {variable}={value} lets every trial use more",
                remedy=f"unset {variable}: each worker is then given its own CPUs",
            )
    return Found(state="ok", what=what)


def shared_memory(_: Settings) -> Found:
    """Look at the size of /dev/shm."""
    if not _SHARED.is_dir():
        return Found(
            state="warn",
            what=f"there is no {_SHARED}",
            remedy="Ray keeps its objects on disk then, which is slow",
        )
    size_gib = shutil.disk_usage(_SHARED).total / _GIB
    what = f"{_SHARED} has {size_gib:.1f} GiB"
    if size_gib < _GOOD_SHARED_GIB:
        return Found(
            state="warn",
            what=what,
            remedy="in a container, start it with --shm-size=4g (Kubernetes: an emptyDir of medium "
            "Memory)",
        )
    return Found(state="ok", what=what)


def storage(settings: Settings) -> Found:
    """Check that the folder of the runs can be written, without making it."""
    folder = _existing(settings.storage)
    remedy = "choose another folder with --storage, or change its permissions"
    if not folder.is_dir():
        return Found(state="fail", what=f"{folder} is not a folder", remedy=remedy)
    if folder != settings.storage:
        if not os.access(folder, os.W_OK | os.X_OK):
            return Found(state="fail", what=f"{folder} cannot be written", remedy=remedy)
        return Found(state="ok", what=f"{settings.storage} is made at the first run")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = f"{folder} cannot be written ({error.strerror})"
        return Found(state="fail", what=what, remedy=remedy)
    return Found(state="ok", what=f"{folder} can be written")


def disk(settings: Settings) -> Found:
    """Look at the space that is left where the runs go."""
    free_gib = shutil.disk_usage(_existing(settings.storage)).free / _GIB
    what = f"{free_gib:.1f} GiB free for {settings.storage}"
    if free_gib >= _GOOD_DISK_GIB:
        return Found(state="ok", what=what)
    return Found(
        state="fail" if free_gib < _LEAST_DISK_GIB else "warn",
        what=what,
        remedy="free some, or choose another disk with --storage",
    )


def _existing(path: Path) -> Path:
    """Return the path, or the nearest above it that exists."""
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())
