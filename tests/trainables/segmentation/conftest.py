"""Recorded vectors of the study's released code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "golden" / "medvlsm"


@pytest.fixture
def golden() -> Callable[[str], Any]:
    """Read recorded vectors of the study medvlsm by their name."""
    return lambda name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
