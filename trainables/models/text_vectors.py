"""Texts in the space of an image tower.

Axes: n texts, d width.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from trainables.config import BackboneRef
from trainables.context import Locations
from trainables.models.clip_text import create_clip_text
from trainables.models.text import create_text_encoder


def text_vectors(
    backbone: BackboneRef,
    text: BackboneRef | None,
    sentences: Sequence[str],
    locations: Locations,
    seed: int,
) -> Tensor:
    """Return one vector of length one per sentence, (n, d), on the CPU.

    Args:
        text: a text encoder; None: the text tower in the file of the image tower.
        seed: decides random weights.

    Raises:
        SelectionError, WeightsError, StorageError: the encoder is not here, or damaged.
    """
    if text is not None:
        return create_text_encoder(text, locations).encode_texts(sentences)
    # A tensor made in inference mode cannot take part in training.
    return create_clip_text(backbone, locations, seed).encode_texts(sentences).clone()
