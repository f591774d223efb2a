"""A store that lives as long as the test session, and recorded vectors of a paper's code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trainables.context import Locations
from trainables.models import segmenter_twin_recipe, twin_recipe
from trainables.models.twin_recipe import TwinRecipe


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
    hasty = TwinRecipe(pictures=100, epochs=2, batch_size=20, lr=1e-3)
    moment = segmenter_twin_recipe.Lesson(steps=2, lr=1e-3, batch_size=5)
    lessons = segmenter_twin_recipe.Curriculum(
        pictures=40, words=moment, places=moment, matching=moment, masks=moment
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twin_recipe, "RECIPE", hasty)
        patch.setattr(segmenter_twin_recipe, "CURRICULUM", lessons)
        yield


@pytest.fixture
def golden() -> Callable[[str], Any]:
    """Read recorded vectors of the study feature_reuse by their name."""
    folder = Path(__file__).parents[1] / "golden" / "feature_reuse"
    return lambda name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
