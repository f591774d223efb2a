"""What is left of a local Ray cluster whose driver was killed: nothing, and soon."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

# Ray's agents look for their raylet every 12 s, five times, unless they are told of its end.
SOON_S = 40

DRIVER = """
import pathlib, sys, time
from orchestrator.runner import _ray_cluster, _ray_environment
from orchestrator.settings import resolve
folder = pathlib.Path(sys.argv[1])
settings = resolve({"storage": folder / "runs"}, {}, folder).settings
_ray_environment(settings)
with _ray_cluster(settings):
    (folder / "up").touch()
    time.sleep(999)
"""


def _processes(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _comes_true(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return met


def test_nothing_of_ray_outlives_its_driver_by_long(tmp_path: Path) -> None:
    mark = f"KILLED_DRIVER={secrets.token_hex(8)}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    name, _, value = mark.partition("=")
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path)],
        env={**kept, name: value, "HOME": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    assert _comes_true((tmp_path / "up").exists, within_s=150)
    assert len(_processes(mark)) > 3
    driver.kill()
    driver.wait()
    assert _comes_true(lambda: not _processes(mark), within_s=SOON_S)
