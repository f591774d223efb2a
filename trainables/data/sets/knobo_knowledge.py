"""What is known of the concepts of KnoBo's sets: files the user copies, made up for the twins.

``<data>/knobo`` is a copy of the folder ``data/bottlenecks`` of the KnoBo repository, with the
annotations and metadata of its reports added:

* ``<modality>_<source>.txt``: a bottleneck;
* ``concept_priors/<modality>_class2concept2answer.json``: the priors;
* ``annotations/<modality>_<annotator>.json``, or a folder of that name: see
  :func:`trainables.data.concepts.read_annotations`;
* ``metadata/<modality>.json``: the pictures of every report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from trainables.data import caption_corpus
from trainables.data.concepts import (
    AnnotatedPictures,
    annotated_pictures,
    drawn_reports,
    read_annotations,
    read_concepts,
    read_priors,
    read_report_images,
)
from trainables.data.knowledge_files import KnowledgeFile
from trainables.data.sets.knobo_sets import KNOBO_SETS, Modality
from trainables.data.twins import chest_twin, knobo_twin_knowledge, lesion_twin
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.context import Locations
    from trainables.knowledge import Annotator, Knowledge, Source, Subject

_RELEASED: Mapping[Subject, Modality] = {"skin": "skin", "xray": "xray"}
_FOLDER = "knobo"
_REPOSITORY = "it from the folder data/bottlenecks of the KnoBo repository"
_DOWNLOADS = "it from the downloads that the README of the KnoBo repository names"


def subject_of(name: str) -> Subject:
    """Return what the concepts of a data set are about.

    Raises:
        DatasetError: nothing is known of them.
    """
    if name in lesion_twin.PARAMETERS:
        return "skin_twin"
    if name in chest_twin.PARAMETERS:
        return "xray_twin"
    if name in caption_corpus.SOURCE.corpora:
        return caption_corpus.SOURCE.corpora[name].modality
    for known in KNOBO_SETS:
        if known.name == name:
            return known.modality
    raise DatasetError(
        f"nothing is known of the concepts of '{name}': take one of the sets of KnoBo "
        f"({', '.join(known.name for known in KNOBO_SETS)}), a corpus of findings "
        f"({', '.join(caption_corpus.SOURCE.corpora)}), or a twin of these"
    )


def modality_of(subject: Subject) -> Modality | None:
    """Return which released files are about a subject; None for a twin, which has none."""
    return _RELEASED.get(subject)


def concept_files(subject: Subject, source: Source) -> tuple[KnowledgeFile, ...]:
    """Return the file with the list of a source; none of a twin's."""
    modality = modality_of(subject)
    return () if modality is None else (_list(modality, source),)


def prior_files(subject: Subject) -> tuple[KnowledgeFile, ...]:
    """Return the file with the priors; none of a twin's."""
    modality = modality_of(subject)
    return () if modality is None else (_priors(modality),)


def annotation_files(subject: Subject, knowledge: Knowledge) -> tuple[KnowledgeFile, ...]:
    """Return what concepts are learned from: list, annotations, metadata; none of a twin's."""
    modality = modality_of(subject)
    if modality is None:
        return ()
    return (
        _list(modality, knowledge.source),
        _annotations(modality, knowledge.annotator),
        _metadata(modality),
    )


def concepts_of(subject: Subject, source: Source, locations: Locations) -> tuple[str, ...]:
    """Return the questions of a bottleneck in the order of its list, repeated ones once.

    Raises:
        DatasetError: the file is not here or wrong.
    """
    modality = modality_of(subject)
    if modality is None:
        return knobo_twin_knowledge.questions(subject, source)
    return read_concepts(_list(modality, source).find(locations))


def priors_of(name: str, locations: Locations) -> dict[str, dict[str, str]]:
    """Return class -> concept -> 'yes', 'no' or 'unknown', at least for the classes of a set.

    Raises:
        DatasetError: nothing is known of the set, or the file is not here or wrong.
    """
    subject = subject_of(name)
    modality = modality_of(subject)
    if modality is None:
        return knobo_twin_knowledge.priors(name)
    return read_priors(_priors(modality).find(locations))


def annotations_of(
    modality: Modality, ids: Iterable[str], knowledge: Knowledge, locations: Locations
) -> dict[str, AnnotatedPictures]:
    """Return which of some pictures show each annotated concept, and which do not.

    Args:
        ids: names or paths of the pictures: what counts is the name of the file, without folders
            and ending, as metadata and data sets may have others.

    Raises:
        DatasetError: a file is not here or wrong, annotates a report that has no metadata, or is
            about none of the pictures; or two pictures have one name.
    """
    metadata = _metadata(modality).find(locations)
    reports = read_annotations(_annotations(modality, knowledge.annotator).find(locations))
    if knowledge.reports is not None:
        reports = {c: drawn_reports(r, knowledge.reports, c) for c, r in reports.items()}
    images = {
        report: tuple(map(_stem, named)) for report, named in read_report_images(metadata).items()
    }
    stems = [_stem(name) for name in ids]
    if len(set(stems)) < len(stems):
        raise DatasetError("two pictures have one file name, so annotations cannot tell them apart")
    found = annotated_pictures(stems, reports, images)
    if not any(pictures.positive or pictures.negative for pictures in found.values()):
        raise DatasetError(
            f"{metadata} names none of the {len(stems)} pictures (the first is '{stems[0]}'): they "
            "are found by the name of their file without its ending"
        )
    return found


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _list(modality: Modality, source: Source) -> KnowledgeFile:
    return KnowledgeFile(
        place=f"{_FOLDER}/{modality}_{source}.txt",
        title=f"the list of {modality} concepts from {source}",
        how_to_get=_REPOSITORY,
    )


def _priors(modality: Modality) -> KnowledgeFile:
    return KnowledgeFile(
        place=f"{_FOLDER}/concept_priors/{modality}_class2concept2answer.json",
        title=f"what is known of {modality} classes",
        how_to_get=_REPOSITORY,
    )


def _annotations(modality: Modality, annotator: Annotator) -> KnowledgeFile:
    return KnowledgeFile(
        place=f"{_FOLDER}/annotations/{modality}_{annotator}.json",
        title=f"the annotation of {modality} reports by {annotator}",
        how_to_get=_DOWNLOADS,
        or_folder=True,
    )


def _metadata(modality: Modality) -> KnowledgeFile:
    return KnowledgeFile(
        place=f"{_FOLDER}/metadata/{modality}.json",
        title=f"the table of pictures of {modality} reports",
        how_to_get=_DOWNLOADS,
    )
