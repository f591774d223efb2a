"""The body of the trainable that measures how different concepts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.concepts.diversity import diversity, diversity_as_released
from trainables.context import Context
from trainables.data.sets.knobo_knowledge import concepts_of
from trainables.errors import DatasetError
from trainables.models.text import create_text_encoder

if TYPE_CHECKING:
    from trainables.concept_diversity import Config


def measure(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.concept_diversity.run` promises."""
    names = concepts_of(config.subject, config.source, context.locations)[: config.concepts]
    if len(names) < 2:
        raise DatasetError(
            f"the list of {config.subject} concepts from {config.source} has one concept, and the "
            "distance is between two"
        )
    vectors_nd = create_text_encoder(config.text, context.locations).encode_texts(names)
    value = diversity(vectors_nd)
    if context.resume() is None:
        context.report(step=1, metrics={"val/diversity": value}, state=dict)
    if not context.final:
        return {}
    return {
        "diversity": value,
        "diversity_as_released": diversity_as_released(vectors_nd),
        "concepts": float(len(names)),
    }
