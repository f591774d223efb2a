"""Whether the knowledge that is here of a KnoBo set's classes is whole, and the released one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from trainables.data.card import DataCard
from trainables.data.concepts import read_concepts, read_priors
from trainables.data.knowledge_files import KnowledgeFile
from trainables.data.problem import Problem
from trainables.data.sets.knobo_knowledge import concept_files, prior_files, subject_of
from trainables.errors import DatasetError
from trainables.knowledge import SOURCES, Source, Subject

if TYPE_CHECKING:
    from trainables.context import Locations

_COUNTED: Source = "PubMed"

RELEASED_YES: Mapping[Subject, Mapping[str, int]] = MappingProxyType(
    {
        "skin": {
            "maliganant": 118,
            "malignant": 111,
            "benign": 14,
            "melanoma": 128,
            "not melanoma": 20,
            "nevus": 60,
            "melanocytic nevi": 57,
            "basal cell carcinoma": 116,
            "Basal, Squamous Cell Carcinoma": 117,
            "actinic keratoses": 99,
            "actinic, seborrheic keratosis": 88,
            "Actinic, Seborrheic Keratosis": 94,
            "benign keratosis-like lesions": 70,
            "dermatofibroma": 36,
            "vascular lesions": 49,
        },
        "xray": {
            "Atelectasis": 75,
            "Effusion": 49,
            "Cardiomegaly": 34,
            "Consolidation": 87,
            "Edema": 92,
            "Pneumonia": 130,
            "PNEUMONIA": 140,
            "NORMAL": 8,
            "Normal": 7,
            "No Finding": 6,
            "No finding": 5,
            "Has Finding": 69,
            "COVID": 118,
            "Viral Pneumonia": 99,
            "Lung Opacity": 141,
            "Aortic enlargement": 18,
            "Pulmonary fibrosis": 97,
            "Pleural thickening": 18,
            "Nodule/Mass": 37,
        },
    }
)
"""Class -> how many of the 200 questions from PubMed the released priors say yes to."""


def knowledge_problems(card: DataCard, locations: Locations) -> Iterator[Problem]:
    """Yield what is wrong with the priors of a set's classes; nothing where there are none here."""
    subject = subject_of(card.name)
    (file,) = prior_files(subject)
    if not (locations.data / file.place).exists():
        return
    try:
        yield from _problems(card, subject, file, locations)
    except DatasetError as error:
        yield _error(card.name, str(error))


def _problems(
    card: DataCard, subject: Subject, file: KnowledgeFile, locations: Locations
) -> Iterator[Problem]:
    priors = read_priors(file.find(locations))
    unknown = [name for name in card.classes if name not in priors]
    if unknown:
        yield _error(file.place, f"says nothing of class '{unknown[0]}'")
        return
    for source in SOURCES:
        (listed,) = concept_files(subject, source)
        if (locations.data / listed.place).exists():
            concepts = read_concepts(listed.find(locations))
            yield from _unanswered(card, priors, concepts, file.place)
            if source == _COUNTED:
                yield from _altered(card, priors, concepts, RELEASED_YES[subject])


def _unanswered(
    card: DataCard,
    priors: Mapping[str, Mapping[str, str]],
    concepts: tuple[str, ...],
    place: str,
) -> Iterator[Problem]:
    for name in card.classes:
        missing = [concept for concept in concepts if concept not in priors[name]]
        if missing:
            what = f"class '{name}' has no answer to {len(missing)} questions, first '{missing[0]}'"
            yield _error(place, what)


def _altered(
    card: DataCard,
    priors: Mapping[str, Mapping[str, str]],
    concepts: tuple[str, ...],
    released: Mapping[str, int],
) -> Iterator[Problem]:
    for name in card.classes:
        found = sum(priors[name].get(concept) == "yes" for concept in concepts)
        if found != released[name]:
            what = (
                f"priors or list are not the released ones: class '{name}' shows {found} of the "
                f"concepts from {_COUNTED}, not {released[name]}"
            )
            yield Problem(severity="warning", where=card.name, what=what)


def _error(place: str, what: str) -> Problem:
    return Problem(severity="error", where=place, what=what)
