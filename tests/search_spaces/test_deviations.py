"""What each study says about where it leaves its paper."""

from __future__ import annotations

import pytest

from search_spaces.registry import STUDIES, load_study


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "demo"])
def test_a_study_of_a_paper_says_where_it_leaves_it_in_short_sentences(name: str) -> None:
    deviations = load_study(name).deviations
    assert deviations
    assert len(set(deviations)) == len(deviations)
    for sentence in deviations:
        assert sentence.endswith(".")
        assert len(sentence) < 220


def test_a_study_without_a_paper_leaves_none() -> None:
    assert load_study("demo").deviations == ()
