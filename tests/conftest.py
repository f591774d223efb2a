"""What tests share: the toy study is importable here and in every process a test starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from trainables.context import Locations

TOY = Path(__file__).parent / "toy"
sys.path.insert(0, str(TOY))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TOY), os.environ.get("PYTHONPATH")]))
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1"
)
for variable in [name for name in os.environ if name.startswith("XENOGRAFT_")]:
    del os.environ[variable]


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    """Empty data and weights folders and a store of the test's own."""
    return Locations(data=tmp_path / "data", weights=tmp_path / "weights", store=tmp_path / "store")
