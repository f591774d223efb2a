"""The pictures that every concept of a set is learned from and judged by."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from trainables.concepts.sampling import LEAST_HELD_OUT, ConceptSample, sample_concept
from trainables.data.concepts import AnnotatedPictures
from trainables.errors import DatasetError

logger = logging.getLogger(__name__)


def sample_concepts(
    concepts: Mapping[str, AnnotatedPictures],
    name: str,
    max_examples: int,
    train_examples: int,
    least_held_out: int = LEAST_HELD_OUT,
) -> dict[str, ConceptSample]:
    """Draw the pictures of every concept that has enough.

    Args:
        name: of the data set.
        max_examples, train_examples, least_held_out: see
            :func:`trainables.concepts.sampling.sample_concept`.

    Raises:
        DatasetError: no concept has enough.
    """
    samples, skipped = {}, []
    for concept, shown in concepts.items():
        sample = sample_concept(
            shown.positive, shown.negative, max_examples, train_examples, least_held_out
        )
        if sample is None:
            skipped.append(concept)
        else:
            samples[concept] = sample
    if not samples:
        raise DatasetError(
            f"no concept of '{name}' is shown by {10 * least_held_out} training pictures and not "
            "by as many others: take a larger set, more reports, or raise data.limit"
        )
    if skipped:
        logger.warning("too few pictures to learn %d concepts: %s", len(skipped), skipped)
    return samples
