"""Conformance vectors of the published feature-reuse code, and one thread for small networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

_GOLDEN = Path(__file__).parents[2] / "golden" / "feature_reuse"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def golden() -> Callable[[str], Any]:
    """Read a file of conformance vectors by its name."""
    return lambda name: json.loads((_GOLDEN / f"{name}.json").read_text())
