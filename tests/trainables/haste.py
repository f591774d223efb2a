"""How tests pretrain twins; here, because processes that a test starts need it too."""

from __future__ import annotations

import pytest

from trainables.models import segmenter_twin_recipe, twin_recipe
from trainables.models.twin_recipe import TwinRecipe


def make_twins_hastily(patch: pytest.MonkeyPatch) -> None:
    """Pretrain twins for a moment only."""
    hasty = TwinRecipe(pictures=100, epochs=2, batch_size=20, lr=1e-3)
    moment = segmenter_twin_recipe.Lesson(steps=2, lr=1e-3, batch_size=5)
    lessons = segmenter_twin_recipe.Curriculum(
        pictures=40, words=moment, places=moment, matching=moment, masks=moment
    )
    patch.setattr(twin_recipe, "RECIPE", hasty)
    patch.setattr(segmenter_twin_recipe, "CURRICULUM", lessons)
