"""A store that lives as long as the test session, and recorded vectors of a paper's code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from haste import make_twins_hastily

from trainables.context import Locations


@pytest.fixture(scope="session")
def shared_locations(tmp_path_factory: pytest.TempPathFactory) -> Locations:
    """Empty data and weights folders, and one store for all tests."""
    root = tmp_path_factory.mktemp("shared")
    for name in ("data", "weights", "store"):
        (root / name).mkdir()
    return Locations(data=root / "data", weights=root / "weights", store=root / "store")


@pytest.fixture(scope="session", autouse=True)
def hasty_twins() -> Iterator[None]:
    """Pretrain twins for a moment only: tests do not ask how good they are."""
    with pytest.MonkeyPatch.context() as patch:
        make_twins_hastily(patch)
        yield


@pytest.fixture
def golden() -> Callable[[str], Any]:
    """Read recorded vectors of the study feature_reuse by their name."""
    folder = Path(__file__).parents[1] / "golden" / "feature_reuse"
    return lambda name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
