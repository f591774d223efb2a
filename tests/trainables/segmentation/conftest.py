"""Recorded vectors of the study's released code, and tiny networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_networks import build_tiny

from trainables.segmentation import network

FOLDER = Path(__file__).parents[2] / "golden" / "medvlsm"


@pytest.fixture
def golden() -> Callable[[str], Any]:
    """Read recorded vectors of the study medvlsm by their name."""
    return lambda name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put tiny networks in the place of the real ones."""
    monkeypatch.setattr(network, "build_segmenter", build_tiny)
    monkeypatch.setattr(network, "build_unread", build_tiny)
