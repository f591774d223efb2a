"""The doctor on priors of KnoBo's classes: whole, and the released ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_layouts import write_picture

from trainables.context import Locations
from trainables.data.card import SPLITS
from trainables.data.cards import get_data_card
from trainables.data.doctor import doctor
from trainables.data.prepare import prepare
from trainables.data.sets.knobo_knowledge import prior_files
from trainables.data.sets.knobo_knowledge_checks import RELEASED_YES, knowledge_problems
from trainables.data.sets.knobo_sets import KNOBO_SETS
from trainables.data.split_files import SplitFile, write_split_file

QUESTIONS = [f"Is it so {i}?" for i in range(200)]
PRIORS = prior_files("skin")[0].place


def bring(locations: Locations, **changes: Any) -> None:
    """Write a list and priors with as many answers of yes as the released ones have."""
    folder = locations.data / "knobo"
    (folder / "concept_priors").mkdir(parents=True, exist_ok=True)
    (folder / "skin_PubMed.txt").write_text("\n".join(QUESTIONS) + "\n")
    priors = {
        name: {q: "yes" if i < yes else "no" for i, q in enumerate(QUESTIONS)}
        for name, yes in RELEASED_YES["skin"].items()
    }
    (locations.data / PRIORS).write_text(json.dumps({**priors, **changes}))


def found(locations: Locations, name: str = "melanoma") -> list[tuple[str, str]]:
    return [(p.severity, p.what) for p in knowledge_problems(get_data_card(name), locations)]


def test_every_class_of_the_twenty_sets_has_a_count() -> None:
    for known in KNOBO_SETS:
        assert set(known.counts) <= set(RELEASED_YES[known.modality])


def test_nothing_is_wrong_with_the_released_priors_or_without_any(locations: Locations) -> None:
    assert found(locations) == []
    bring(locations)
    skin = [known.name for known in KNOBO_SETS if known.modality == "skin"]
    assert [found(locations, name) for name in skin] == [[]] * 10


def test_priors_that_were_changed_are_counted(locations: Locations) -> None:
    bring(locations, benign=dict.fromkeys(QUESTIONS, "no"))
    ((severity, what),) = found(locations)
    assert severity == "warning"
    assert "class 'benign' shows 0 of the concepts from PubMed, not 14" in what


def test_what_priors_lack_is_an_error(locations: Locations) -> None:
    bring(locations, maliganant=dict.fromkeys(QUESTIONS[1:], "yes"))
    assert ("error", "class 'maliganant' has no answer to 1 questions, first 'Is it so 0?'") in (
        found(locations)
    )
    (locations.data / PRIORS).write_text(json.dumps({"malignant": {"Is it so 0?": "yes"}}))
    assert found(locations) == [("error", "says nothing of class 'maliganant'")]


@pytest.mark.parametrize("content", ["{", '{"melanoma": {"Is it so 0?": 1}}'])
def test_the_doctor_of_a_set_names_a_damaged_file(
    content: str, locations: Locations, tmp_path: Path
) -> None:
    classes = tuple(get_data_card("uwaterloo").classes)
    splits: Any = {
        split: {name: (f"UWaterloo/{split}-{k}.png",) for k, name in enumerate(classes)}
        for split in SPLITS
    }
    for seed, path in enumerate(p for s in splits.values() for (p,) in s.values()):
        write_picture(tmp_path / path, seed)
    file = SplitFile(dataset="UWaterloo", classes=classes, splits=splits)
    write_split_file(tmp_path / "UWaterloo" / "splits.json", file)
    prepare("uwaterloo", tmp_path, locations)
    before = doctor("uwaterloo", locations)
    assert all(problem.severity == "warning" for problem in before)
    bring(locations)
    assert doctor("uwaterloo", locations) == before
    (locations.data / PRIORS).write_text(content)
    *others, problem = doctor("uwaterloo", locations)
    assert others == before
    assert problem.severity == "error"
    assert "class2concept2answer.json" in problem.what
