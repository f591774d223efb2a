"""What a data set knows of concepts: which pictures show them, and which classes do."""

from __future__ import annotations

import numpy as np

from trainables.concepts.prior import Answers
from trainables.data import lesion_twin
from trainables.data.concepts import AnnotatedPictures
from trainables.data.image_set import ImageSet
from trainables.data.lesion_concepts import CONCEPTS, answers
from trainables.errors import ConfigError, DatasetError


def annotated_concepts(images: ImageSet) -> dict[str, AnnotatedPictures]:
    """Return the pictures of every concept that a set is annotated with.

    The concepts of a multilabel set are its classes; those of generated lesions are asked of their
    findings.

    Raises:
        ConfigError: the set is annotated with none.
    """
    if images.task == "multilabel" and images.classes:
        shown_cn = images.labels.T == 1
        return {
            name: _rows(shown_n) for name, shown_n in zip(images.classes, shown_cn, strict=True)
        }
    if images.name != lesion_twin.CORPUS:
        raise ConfigError(
            f"'{images.name}' is annotated with no concepts: take a multilabel set, whose classes "
            f"are the concepts, or '{lesion_twin.CORPUS}'"
        )
    said = [set(images.captions_of(row)) for row in range(len(images))]
    return {
        concept.question: _rows(np.array([concept.finding in findings for findings in said]))
        for concept in CONCEPTS
    }


def answers_of(name: str) -> Answers:
    """Return the priors of a data set's classes.

    Raises:
        DatasetError: there are none.
    """
    if name not in lesion_twin.PARAMETERS:
        raise DatasetError(
            f"no priors are known of the classes of '{name}': set prior_weight=0 to train without"
        )
    return answers(lesion_twin.PARAMETERS[name].classes)


def _rows(shown_n: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> AnnotatedPictures:
    return AnnotatedPictures(
        positive=np.flatnonzero(shown_n).tolist(), negative=np.flatnonzero(~shown_n).tolist()
    )
