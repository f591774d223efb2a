"""A circumstance that goes with the class of a generated picture, and against it in testing."""

from __future__ import annotations

import numpy as np

from trainables.data.card import Split
from trainables.data.twins.canvas import Ints

PAIRING = 0.9
"""Share of the pictures whose circumstance goes with their class in training and validation; in
testing it goes with the other class for as many."""


def draw_confounder(rng: np.random.Generator, labels: Ints, split: Split) -> Ints:
    """Return the circumstance of every picture, 0 or 1, for labels that are 0 or 1."""
    goes_with_class = rng.random(len(labels)) < PAIRING
    if split == "test":
        goes_with_class = ~goes_with_class
    return np.where(goes_with_class, labels, 1 - labels)
