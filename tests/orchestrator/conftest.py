"""A local Ray for tests that run trials in this process's driver, started once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Ray reads these when it is first imported, which may be long before a test starts it.
os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="a" * 64, RAY_USAGE_STATS_ENABLED="0")


@pytest.fixture(scope="session")
def local_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Plain Tune without a dashboard; the token and all files stay in temporary folders."""
    # Ray's sockets have paths of at most 107 bytes, so not below pytest's own folder.
    folder = Path("/tmp") / f"xg{os.getpid()}"
    os.environ.update(
        RAY_TMPDIR=str(folder),
        HOME=str(tmp_path_factory.mktemp("home")),
    )
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 * 1024**2,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=str(folder),
    )
    yield
    ray.shutdown()
