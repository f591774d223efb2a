"""Lists of concepts, priors and annotations: what is read, to the letter, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainables.data.concepts import (
    AnnotatedPictures,
    AnnotatedReports,
    annotated_pictures,
    drawn_reports,
    read_annotations,
    read_concepts,
    read_priors,
    read_report_images,
)
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


def test_fewer_reports_of_a_concept_are_among_more_and_keep_their_order() -> None:
    reports = AnnotatedReports(
        positive=tuple(f"p{i}" for i in range(300)), negative=tuple(f"n{i}" for i in range(700))
    )
    drawn = {most: drawn_reports(reports, most, "Is it red?") for most in (100, 400, 1000, 2000)}
    for most, found in drawn.items():
        assert len(found.positive) + len(found.negative) == min(most, 1000)
        assert [r for r in reports.positive if r in set(found.positive)] == list(found.positive)
        assert [r for r in reports.negative if r in set(found.negative)] == list(found.negative)
    assert set(drawn[100].positive) < set(drawn[400].positive)
    assert set(drawn[100].negative) < set(drawn[400].negative)
    assert drawn[2000] == reports
    # Both sides keep their shares: 400 of 1,000 with a standard error of 7.
    assert abs(len(drawn[400].positive) - 120) < 30
    assert drawn_reports(reports, 100, "Is it flat?") != drawn[100]
