"""Lists of concepts, priors and annotations: what is read, to the letter, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainables.context import Locations
from trainables.data import chest_twin, lesion_twin
from trainables.data.cards import get_data_card
from trainables.data.concepts import (
    AnnotatedPictures,
    AnnotatedReports,
    annotated_pictures,
    read_annotations,
    read_concepts,
    read_priors,
    read_report_images,
)
from trainables.data.knobo_knowledge import annotations_of, concepts_of, priors_of
from trainables.errors import DatasetError

ODD = 'Is it "shiny|pearly" – or < 6 %\u2028wide?'


def written(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_bottleneck_keeps_order_and_letters_and_counts_repeats_once(tmp_path: Path) -> None:
    path = written(
        tmp_path / "skin_prompt.txt", f"\n Is it red? \n{ODD}\n\nIs it red?\nIs it flat?"
    )
    assert read_concepts(path) == ("Is it red?", ODD, "Is it flat?")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_bottleneck_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"x\.txt: there is no concept"):
        read_concepts(written(tmp_path / "x.txt", content))
    with pytest.raises(DatasetError, match=r"y\.txt is missing"):
        read_concepts(tmp_path / "y.txt")


def test_priors_keep_both_spellings_of_a_class(tmp_path: Path) -> None:
    body = {"maliganant": {ODD: "yes"}, "malignant": {ODD: "no"}, "benign": {ODD: "unknown"}}
    assert read_priors(written(tmp_path / "p.json", body)) == body


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "not a JSON object of classes"),
        ([], "not a JSON object of classes"),
        ({"benign": {}}, "class 'benign': not a JSON object of concepts"),
        ({"benign": ["a"]}, "class 'benign': not a JSON object of concepts"),
        ({"benign": {"red?": "Yes"}}, "'Yes' is not one of yes, no, unknown"),
        ({"benign": {"red?": 1}}, "1 is not one of"),
        ('{"benign": {"red?": "yes", "red?": "no"}}', "'red?' stands in one object twice"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_wrong_priors_are_refused_with_their_place(content: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as error:
        read_priors(written(tmp_path / "p.json", content))
    assert said in str(error.value)
    assert "p.json" in str(error.value)


def test_annotations_are_read_from_a_file_or_a_folder(tmp_path: Path) -> None:
    body = {"Is it red?": {"positive": ["r1", "r3"], "negative": ["r2"]}}
    expected = {"Is it red?": AnnotatedReports(positive=("r1", "r3"), negative=("r2",))}
    assert read_annotations(written(tmp_path / "a.json", body)) == expected
    for report, answer in {"r1": "yes", "r2": "no\n", "r3": "Yes"}.items():
        written(tmp_path / "a" / "Is it red?" / f"{report}.txt", answer)
    assert read_annotations(tmp_path / "a") == expected
    written(tmp_path / "a" / "Is it red?" / "r4.txt", "maybe")
    with pytest.raises(DatasetError, match=r"r4\.txt: holds 'maybe'"):
        read_annotations(tmp_path / "a")


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ({"positive": ["r1"]}, "not an object with exactly 'positive' and 'negative'"),
        ({"positive": ["r1"], "negative": "r2"}, "not a list of ids"),
        ({"positive": ["r1"], "negative": [2]}, "not a list of ids"),
        ({"positive": ["r1", "r2"], "negative": ["r2"]}, "report 'r2' is on both sides"),
    ],
)
def test_wrong_annotations_are_refused(sides: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as error:
        read_annotations(written(tmp_path / "a.json", {"Is it red?": sides}))
    assert f"concept 'Is it red?': {said}" in str(error.value)


def test_only_frontal_radiographs_of_a_report_count(tmp_path: Path) -> None:
    body = {
        "skin": {"images": ["a", "b"], "report": "text"},
        "chest": {"images": [["c", "PA"], ["d", "LATERAL"], ["e", "AP"]]},
        "none": {"images": []},
    }
    found = read_report_images(written(tmp_path / "m.json", body))
    assert found == {"skin": ("a", "b"), "chest": ("c", "e"), "none": ()}


@pytest.mark.parametrize("entry", [{}, {"images": "a"}, {"images": [["a"]]}, {"images": [3]}])
def test_wrong_metadata_is_refused(entry: Any, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"m\.json: report 'r1'"):
        read_report_images(written(tmp_path / "m.json", {"r1": entry}))


def test_pictures_of_a_concept_stand_in_the_order_of_its_reports() -> None:
    images = {"r1": ("b", "absent"), "r2": ("a", "c"), "r3": ("d",)}
    reports = {"red?": AnnotatedReports(positive=("r2", "r1"), negative=("r3",))}
    found = annotated_pictures(["a", "b", "c", "d"], reports, images)
    assert found == {"red?": AnnotatedPictures(positive=[0, 2, 1], negative=[3])}
    with pytest.raises(DatasetError, match=r"'red\?': 1 reports are not in the metadata.*'r2'"):
        annotated_pictures(["a"], reports, {k: v for k, v in images.items() if k != "r2"})


def test_files_of_a_set_are_found_by_its_modality(locations: Locations) -> None:
    folder = locations.data / "knobo"
    written(folder / "skin_PubMed.txt", "Is it red?\n")
    written(folder / "xray_prompt.txt", "Is it white?\n")
    priors = {"maliganant": {"Is it red?": "yes"}, "benign": {"Is it red?": "no"}}
    written(folder / "concept_priors" / "skin_class2concept2answer.json", priors)
    assert concepts_of("melanoma", "PubMed", locations) == ("Is it red?",)
    assert concepts_of("vindr_cxr", "prompt", locations) == ("Is it white?",)
    assert priors_of("melanoma", locations) == priors
    with pytest.raises(DatasetError, match=r"xray_PubMed\.txt is missing. Copy the folder"):
        concepts_of("vindr_cxr", "PubMed", locations)
    with pytest.raises(DatasetError, match="'Pubmed' is not one of the sources"):
        concepts_of("melanoma", "Pubmed", locations)
    with pytest.raises(DatasetError, match="concepts of 'camelyon'"):
        priors_of("camelyon", locations)


def test_annotations_are_joined_with_the_pictures_that_are_here(locations: Locations) -> None:
    folder = locations.data / "knobo"
    metadata = {"r1": {"images": ["x", "y"]}, "r2": {"images": ["z"]}}
    written(folder / "metadata" / "skin.json", metadata)
    sides = {"red?": {"positive": ["r2"], "negative": ["r1"]}}
    written(folder / "annotations" / "skin.json", sides)
    found = annotations_of("skin", ["y", "z"], locations)
    assert found == {"red?": AnnotatedPictures(positive=[1], negative=[0])}


@pytest.mark.parametrize("name", [*lesion_twin.PARAMETERS, *chest_twin.PARAMETERS])
def test_twins_know_every_answer_for_their_classes(name: str, locations: Locations) -> None:
    concepts, priors = concepts_of(name, "PubMed", locations), priors_of(name, locations)
    assert set(priors) == set(get_data_card(name).classes)
    for answers in priors.values():
        assert set(answers) == set(concepts)
