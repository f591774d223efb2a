"""Knowledge of KnoBo's sets: its files, the pictures it is about, what twins make up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from trainables.context import Locations
from trainables.data import caption_corpus
from trainables.data.cards import get_data_card
from trainables.data.concepts import AnnotatedPictures
from trainables.data.knowledge_files import knowledge_status
from trainables.data.sets.knobo_knowledge import (
    annotation_files,
    annotations_of,
    concept_files,
    concepts_of,
    prior_files,
    priors_of,
    subject_of,
)
from trainables.data.sets.knobo_sets import KNOBO_SETS
from trainables.data.twins import chest_twin, lesion_twin
from trainables.data.twins.knobo_twin_knowledge import FINDINGS, IDLE_QUESTIONS
from trainables.errors import ConfigError, DatasetError
from trainables.knowledge import SOURCES, Knowledge, Source, Subject

RELEASED: tuple[Subject, ...] = ("skin", "xray")
TWINS: tuple[Subject, ...] = ("skin_twin", "xray_twin")


def written(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def annotated(locations: Locations, annotator: str = "flan_t5") -> Path:
    folder = locations.data / "knobo"
    metadata = {"r1": {"images": ["x", "y"]}, "r2": {"images": ["z"]}}
    written(folder / "metadata" / "skin.json", metadata)
    sides = {"red?": {"positive": ["r2"], "negative": ["r1"]}}
    return written(folder / "annotations" / f"skin_{annotator}.json", sides)


def test_a_data_set_decides_what_concepts_are_about() -> None:
    for known in KNOBO_SETS:
        assert subject_of(known.name) == known.modality
        assert subject_of(f"{known.name}_twin") == f"{known.modality}_twin"
    for name in caption_corpus.SOURCE.corpora:
        twin = get_data_card(name).twin
        assert twin is not None
        assert subject_of(twin) == f"{subject_of(name)}_twin"
    with pytest.raises(DatasetError, match=r"concepts of 'camelyon'.*isic_sex.*isic_findings"):
        subject_of("camelyon")


def test_files_are_found_by_modality_and_source(locations: Locations) -> None:
    folder = locations.data / "knobo"
    written(folder / "skin_PubMed.txt", "Is it red?\n")
    written(folder / "xray_prompt.txt", "Is it white?\n")
    priors = {"maliganant": {"Is it red?": "yes"}, "benign": {"Is it red?": "no"}}
    written(folder / "concept_priors" / "skin_class2concept2answer.json", priors)
    assert concepts_of("skin", "PubMed", locations) == ("Is it red?",)
    assert concepts_of("xray", "prompt", locations) == ("Is it white?",)
    assert priors_of("melanoma", locations) == priors
    with pytest.raises(
        DatasetError, match=r"from PubMed is not here.*Get it from the folder.*KnoBo.*\.txt"
    ):
        concepts_of("xray", "PubMed", locations)


@pytest.mark.parametrize("subject", RELEASED)
def test_every_trial_names_the_files_it_reads(subject: Subject) -> None:
    gpt4 = Knowledge(source="Wikipedia", annotator="gpt4")
    assert [file.place for file in concept_files(subject, "prompt")] == [
        f"knobo/{subject}_prompt.txt"
    ]
    assert [file.place for file in prior_files(subject)] == [
        f"knobo/concept_priors/{subject}_class2concept2answer.json"
    ]
    assert [file.place for file in annotation_files(subject, gpt4)] == [
        f"knobo/{subject}_Wikipedia.txt",
        f"knobo/annotations/{subject}_gpt4.json",
        f"knobo/metadata/{subject}.json",
    ]


def test_twins_read_no_files() -> None:
    for subject in TWINS:
        assert concept_files(subject, "PubMed") == prior_files(subject) == ()
        assert annotation_files(subject, Knowledge()) == ()


def test_a_file_is_known_by_what_it_holds(locations: Locations) -> None:
    (file,) = prior_files("skin")
    absent = knowledge_status(file, locations)
    assert not absent.present
    assert str(locations.data / file.place) in absent.reason
    path = written(locations.data / file.place, "one")
    first = knowledge_status(file, locations)
    path.write_text("other", encoding="utf-8")
    second = knowledge_status(file, locations)
    assert first.present
    assert second.present
    assert first.digest != second.digest


def test_a_folder_of_answers_stands_in_for_the_file(locations: Locations) -> None:
    path = annotated(locations)
    file = annotation_files("skin", Knowledge())[1]
    from_file = annotations_of("skin", ["x", "z"], Knowledge(), locations)
    path.unlink()
    assert not knowledge_status(file, locations).present
    folder = path.with_suffix("") / "red?"
    written(folder / "r1.txt", "no")
    written(folder / "r2.txt", "yes")
    first = knowledge_status(file, locations)
    assert first.present
    assert annotations_of("skin", ["x", "z"], Knowledge(), locations) == from_file
    shutil.move(folder / "r1.txt", folder / "r3.txt")
    assert knowledge_status(file, locations).digest != first.digest


def test_annotations_are_joined_with_the_pictures_that_are_here(locations: Locations) -> None:
    annotated(locations)
    found = annotations_of("skin", ["a/y.jpg", "b/z.png"], Knowledge(), locations)
    assert found == {"red?": AnnotatedPictures(positive=[1], negative=[0])}
    fewer = annotations_of("skin", ["y", "z"], Knowledge(reports=2), locations)
    assert fewer == found


def test_annotators_have_a_file_each(locations: Locations) -> None:
    annotated(locations, "gpt4")
    assert annotations_of("skin", ["y", "z"], Knowledge(annotator="gpt4"), locations)
    with pytest.raises(DatasetError, match=r"by flan_t5 is not here.*skin_flan_t5\.json"):
        annotations_of("skin", ["y", "z"], Knowledge(), locations)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a/x.jpg", "b/x.jpg"], "two pictures have one file name"),
        (["ISIC_1.jpg"], r"skin\.json names none of the 1 pictures \(the first is 'ISIC_1'\)"),
    ],
)
def test_pictures_that_annotations_cannot_name_are_refused(
    ids: list[str], message: str, locations: Locations
) -> None:
    annotated(locations)
    with pytest.raises(DatasetError, match=message):
        annotations_of("skin", ids, Knowledge(), locations)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "Pubmed"}, "source must be one of .*'PubMed'.*got 'Pubmed'"),
        ({"annotator": "gpt5"}, "annotator"),
        ({"reports": 1}, "reports must be >= 2"),
    ],
)
def test_knowledge_that_does_not_exist_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Knowledge(**values)


@pytest.mark.parametrize("subject", TWINS)
def test_sources_of_a_twin_differ_and_share_questions_that_pictures_answer(
    subject: Subject, locations: Locations
) -> None:
    lists = {source: concepts_of(subject, source, locations) for source in SOURCES}
    assert len(set(lists.values())) == len(SOURCES)
    assert set(lists["PubMed"]) >= set(FINDINGS[subject])
    for asked in lists.values():
        assert len(set(asked)) == len(asked)
        assert set(asked) <= {*FINDINGS[subject], *IDLE_QUESTIONS}
        assert len(set(asked) & set(FINDINGS[subject])) >= 6
        assert set(asked) & set(IDLE_QUESTIONS)


@pytest.mark.parametrize("name", [*lesion_twin.PARAMETERS, *chest_twin.PARAMETERS])
def test_twins_know_every_answer_for_their_classes(name: str, locations: Locations) -> None:
    priors = priors_of(name, locations)
    assert set(priors) == set(get_data_card(name).classes)
    asked: set[str] = set()
    source: Source
    for source in SOURCES:
        asked |= set(concepts_of(subject_of(name), source, locations))
    for answers in priors.values():
        assert set(answers) == asked
        assert {q for q, answer in answers.items() if answer == "unknown"} == set(IDLE_QUESTIONS)
