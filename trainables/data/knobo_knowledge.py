"""What is known of the concepts of KnoBo's sets: files the user copies, made up for the twins.

``<data>/knobo`` is a copy of the folder ``data/bottlenecks`` of the KnoBo repository, with the
annotations and metadata of its reports added:

* ``<modality>_<source>.txt``: a bottleneck;
* ``concept_priors/<modality>_class2concept2answer.json``: the priors;
* ``annotations/<modality>.json``, or a folder of that name: see
  :func:`trainables.data.concepts.read_annotations`;
* ``metadata/<modality>.json``: the pictures of every report.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.data import chest_twin, lesion_twin
from trainables.data.concepts import (
    AnnotatedPictures,
    annotated_pictures,
    read_annotations,
    read_concepts,
    read_priors,
    read_report_images,
)
from trainables.data.knobo_sets import KNOBO_SETS, Modality
from trainables.data.lesion_concepts import CONCEPTS, answers
from trainables.errors import DatasetError

if TYPE_CHECKING:
    from trainables.context import Locations

SOURCES = ("PubMed", "StatPearls", "Textbooks", "Wikipedia", "prompt")
"""Where the questions of a bottleneck were taken from; the last one is a language model alone."""

_FOLDER = "knobo"


def concepts_of(name: str, source: str, locations: Locations) -> tuple[str, ...]:
    """Return the questions of a bottleneck for a data set; twins have one list for all sources.

    Raises:
        DatasetError: there is no such source, the set is not of KnoBo, or the file is not here.
    """
    if source not in SOURCES:
        raise DatasetError(f"'{source}' is not one of the sources {', '.join(SOURCES)}")
    if name in lesion_twin.PARAMETERS:
        return tuple(concept.question for concept in CONCEPTS)
    if name in chest_twin.PARAMETERS:
        return chest_twin.CONCEPTS
    return read_concepts(_file(locations, f"{_modality(name)}_{source}.txt"))


def priors_of(name: str, locations: Locations) -> dict[str, dict[str, str]]:
    """Return class -> concept -> 'yes', 'no' or 'unknown', at least for the classes of a set.

    Raises:
        DatasetError: the set is not of KnoBo, or the file is not here or wrong.
    """
    if name in lesion_twin.PARAMETERS:
        return answers(lesion_twin.PARAMETERS[name].classes)
    if name in chest_twin.PARAMETERS:
        return chest_twin.answers(chest_twin.PARAMETERS[name].classes)
    place = f"concept_priors/{_modality(name)}_class2concept2answer.json"
    return read_priors(_file(locations, place))


def annotations_of(
    modality: Modality, ids: Sequence[str], locations: Locations
) -> dict[str, AnnotatedPictures]:
    """Return which of some pictures show each concept, and which do not.

    Args:
        ids: names of the pictures, as the metadata has them.

    Raises:
        DatasetError: a file is not here or wrong, or annotates a report that has no metadata.
    """
    metadata = _file(locations, f"metadata/{modality}.json")
    folder = locations.data / _FOLDER / "annotations" / modality
    annotations = folder if folder.is_dir() else _file(locations, f"annotations/{modality}.json")
    return annotated_pictures(ids, read_annotations(annotations), read_report_images(metadata))


def _modality(name: str) -> Modality:
    for known in KNOBO_SETS:
        if known.name == name:
            return known.modality
    raise DatasetError(
        f"nothing is known of the concepts of '{name}': take one of the sets of KnoBo "
        f"({', '.join(known.name for known in KNOBO_SETS)}) or its twin"
    )


def _file(locations: Locations, place: str) -> Path:
    path = locations.data / _FOLDER / place
    if not path.is_file():
        raise DatasetError(
            f"{path} is missing. Copy the folder data/bottlenecks of the KnoBo repository to "
            f"{locations.data / _FOLDER}; annotations and metadata are downloads of their own "
            "that its README names."
        )
    return path
