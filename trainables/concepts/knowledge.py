"""Which pictures of a set show each concept."""

from __future__ import annotations

import numpy as np

from trainables.concepts.twin_annotations import annotate_twin
from trainables.context import Locations
from trainables.data.concepts import AnnotatedPictures
from trainables.data.image_set import ImageSet
from trainables.data.sets.knobo_knowledge import (
    annotations_of,
    concepts_of,
    modality_of,
    subject_of,
)
from trainables.errors import ConfigError
from trainables.knowledge import Knowledge


def annotated_concepts(
    images: ImageSet, knowledge: Knowledge | None, locations: Locations
) -> dict[str, AnnotatedPictures]:
    """Return the pictures of every concept, in the order of their list.

    Args:
        knowledge: None: the concepts are the classes of a multilabel set.

    Raises:
        ConfigError: without knowledge, the set is not multilabel.
        DatasetError: nothing is known of the set's concepts, or a file is not here or wrong.
    """
    if knowledge is None:
        return _labelled(images)
    subject = subject_of(images.name)
    names = concepts_of(subject, knowledge.source, locations)
    modality = modality_of(subject)
    if modality is None:
        return annotate_twin(images, subject, names, knowledge)
    found = annotations_of(modality, images.ids.tolist(), knowledge, locations)
    # A question that nobody answered is learned from nothing, and left out as too rare.
    nothing = AnnotatedPictures(positive=[], negative=[])
    return {name: found.get(name, nothing) for name in names}


def _labelled(images: ImageSet) -> dict[str, AnnotatedPictures]:
    if images.task != "multilabel" or not images.classes:
        raise ConfigError(
            f"knowledge=None takes concepts from labels, and '{images.name}' is not a multilabel "
            "set: name a source of knowledge"
        )
    return {
        name: AnnotatedPictures(
            positive=np.flatnonzero(images.labels[:, column] == 1).tolist(),
            negative=np.flatnonzero(images.labels[:, column] != 1).tolist(),
        )
        for column, name in enumerate(images.classes)
    }
