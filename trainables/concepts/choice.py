"""Which concepts a bottleneck is made of, and which columns of a feature a probe sees.

Legend: c concepts.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

Choice = Literal["top", "random"]

DRAW_SEED = 42
"""Of the released code; replicate i draws with this plus i."""


def choose_concepts(
    names: Sequence[str], accuracy_c: Sequence[float], most: int, how: Choice, seed: int
) -> tuple[str, ...]:
    """Return at most so many concepts.

    Args:
        names: distinct, in the order of their list.
        accuracy_c: validation accuracy of each one's grounding function.
        how: 'top' takes the most accurate, equals in the order of the list (Yang et al., NeurIPS
            2024, appendix B.3); 'random' draws as its figures 4 and 6 do.
        seed: of 'random' only.
    """
    if how == "random":
        return tuple(random.Random(seed).sample(list(names), min(most, len(names))))
    order = sorted(range(len(names)), key=lambda i: -accuracy_c[i])
    return tuple(names[i] for i in order[:most])


def drawn_columns(width: int, most: int, seed: int) -> list[int]:
    """Draw columns of features as KnoBo's released code does; one that has all is a permutation."""
    return random.Random(seed).sample(range(width), min(most, width))
