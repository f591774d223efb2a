"""Which structures a picture of the referring twins shows, where, and which the prompt names.

Axes: n pictures.
"""

from __future__ import annotations

import numpy as np

from trainables.data.batches import Truth
from trainables.data.twins.canvas import Ints
from trainables.data.twins.referring_prompts import (
    BREAST,
    IRREGULAR,
    SCENES,
    SHAPES,
    SIZES,
    VOCABULARIES,
)
from trainables.data.twins.referring_twin import ReferringTwinParameters

QUADRANTS = 4
_TWO = 0.2
"""Share of groups of two structures; the others are of one."""
_NORMAL = 2
"""Class of the pictures of breasts that show no tumour."""


def draw_referring_truth(
    rng: np.random.Generator, labels: Ints, parameters: ReferringTwinParameters
) -> Truth:
    """Draw one scene per label: the group that the prompt names, and another one.

    Columns start with ``target`` or ``other``: ``tone``, ``shape`` and ``size`` are those of all
    structures of the group, ``count`` is how many are shown, 0 for none. ``place_0`` to
    ``place_3`` are the quadrants, those of the target first. ``named_count`` is the number in the
    prompt, which is that of the target where it is shown.

    Args:
        labels: (n,) class indices.
    """
    n, scene = len(labels), parameters.scene
    tones = len(VOCABULARIES[scene].tones)
    named = 1 + (rng.random(n) < _TWO)
    shown = rng.random(n) >= parameters.absent
    others = (1 + (rng.random(n) < _TWO)) * (rng.random(n) < parameters.other)
    target_tone = rng.integers(tones, size=n)
    if scene == BREAST:
        target_tone = np.where(labels == _NORMAL, 0, labels)
        shown &= labels != _NORMAL
        others = others * (labels != _NORMAL)
    other_tone = (target_tone + rng.integers(1, tones, size=n)) % tones
    places = rng.permuted(np.tile(np.arange(QUADRANTS), (n, 1)), axis=1)
    truth: Truth = {
        "label": labels,
        "named_count": named,
        "target_count": named * shown,
        "target_tone": target_tone,
        "target_shape": _shapes(rng, target_tone, scene == BREAST),
        "target_size": rng.integers(len(SIZES), size=n),
        "other_count": others,
        "other_tone": other_tone,
        "other_shape": _shapes(rng, other_tone, scene == BREAST),
        "other_size": rng.integers(len(SIZES), size=n),
        "scene": np.full(n, SCENES.index(scene)),
    }
    return truth | {f"place_{k}": places[:, k] for k in range(QUADRANTS)}


def _shapes(rng: np.random.Generator, tone: Ints, of_tumours: bool) -> Ints:
    shape = rng.integers(len(SHAPES), size=len(tone))
    if not of_tumours:
        return shape
    # Benign tumours are smooth, malignant ones are not.
    smooth = rng.integers(IRREGULAR, size=len(tone))
    return np.where(tone == 1, IRREGULAR, smooth)
