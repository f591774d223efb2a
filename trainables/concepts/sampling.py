"""Which annotated pictures a concept is learned from and judged by: KnoBo's released procedure.

Source: Yang et al., NeurIPS 2024, section 4.3 and appendix B.3; the order of the draws is that of
the released code, whose generators are seeded with 0.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainables.knowledge import MOST_HELD_OUT

_SEED = 0

LEAST_HELD_OUT = 10
"""Of each side; a concept with fewer is not judged, so not learned either."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConceptSample:
    """Rows of pictures that show a concept, and as many that do not.

    Args:
        train_positive, train_negative: to fit to.
        val_positive, val_negative: to judge by; they rank concepts.
    """

    train_positive: list[int]
    train_negative: list[int]
    val_positive: list[int]
    val_negative: list[int]


def sample_concept(
    positives: Sequence[int],
    negatives: Sequence[int],
    max_examples: int,
    train_examples: int,
    least_held_out: int = LEAST_HELD_OUT,
) -> ConceptSample | None:
    """Draw the pictures of one concept; None when a side has too few to hold enough out.

    Args:
        positives, negatives: rows of all annotated pictures, in the order of the annotations.
        max_examples: the most pictures of both sides together.
        train_examples: the most pictures to fit to, of both sides together.
        least_held_out: of each side; a tenth of the smaller one is held out, 50 at most.
    """
    positive, negative = _capped(positives, negatives, max_examples)
    held_out = min(min(len(positive), len(negative)) // 10, MOST_HELD_OUT)
    if held_out < least_held_out:
        return None
    val_positive, train_positive = _split(positive, held_out)
    val_negative, train_negative = _split(negative, held_out)
    train_positive = train_positive[: train_examples // 2]
    train_negative = train_negative[: train_examples - len(train_positive)]
    n = min(len(train_positive), len(train_negative))
    return ConceptSample(
        train_positive=_drawn(train_positive, n),
        train_negative=_drawn(train_negative, n),
        val_positive=val_positive,
        val_negative=val_negative,
    )


def _capped(
    positives: Sequence[int], negatives: Sequence[int], max_examples: int
) -> tuple[list[int], list[int]]:
    """Shuffle both sides; the smaller one may take half of the room, the other fills the rest."""
    generator = random.Random(_SEED)
    positive, negative = list(positives), list(negatives)
    generator.shuffle(positive)
    generator.shuffle(negative)
    if len(positive) <= len(negative):
        positive = positive[: max_examples // 2]
        return positive, negative[: max_examples - len(positive)]
    negative = negative[: max_examples // 2]
    return positive[: max_examples - len(negative)], negative


def _split(rows: list[int], held_out: int) -> tuple[list[int], list[int]]:
    order = np.random.RandomState(_SEED).permutation(len(rows))
    shuffled = [rows[i] for i in order]
    return shuffled[:held_out], shuffled[held_out:]


def _drawn(rows: list[int], n: int) -> list[int]:
    # The shorter side stays in its order, as only the longer one is drawn from.
    return rows if len(rows) == n else random.Random(_SEED).sample(rows, n)
