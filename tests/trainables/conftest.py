"""A store that lives as long as the test session, so that pictures are generated once."""

from __future__ import annotations

import pytest

from trainables.context import Locations


@pytest.fixture(scope="session")
def shared_locations(tmp_path_factory: pytest.TempPathFactory) -> Locations:
    """Empty data and weights folders, and one store for all tests."""
    root = tmp_path_factory.mktemp("shared")
    for name in ("data", "weights", "store"):
        (root / name).mkdir()
    return Locations(data=root / "data", weights=root / "weights", store=root / "store")
