"""The migration guide names parts of studies that exist, and keys that their cells have."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest

from orchestrator.overrides import check_overrides
from orchestrator.selection import parse_only, parse_overrides
from search_spaces.registry import STUDIES, load_study
from search_spaces.study import Study
from trainables.errors import XenograftError

PAGE = Path(__file__).parents[1] / "docs" / "migration.md"
SECTIONS = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]


def _studies(section: str) -> list[Study]:
    title = section.partition("\n")[0]
    return [load_study(name) for name in STUDIES if name in title]


def _given(words: list[str], option: str) -> list[str]:
    return [value for name, value in itertools.pairwise(words) if name == option]


def _right_column(section: str) -> list[list[str]]:
    rows = re.findall(r"^\| .+? \| (.+) \|$", section, re.MULTILINE)
    return [shlex.split(span) for row in rows for span in re.findall(r"`([^`]+)`", row)]


def test_every_study_with_a_repository_has_a_section() -> None:
    found = {study.name for section in SECTIONS for study in _studies(section)}
    assert found == set(STUDIES) - {"demo"}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition(":")[0])
def test_what_a_section_selects_and_sets_exists(section: str) -> None:
    studies, checked = _studies(section), 0
    for words in _right_column(section):
        named = [
            study for study in studies if words[:2] == ["xenograft", "run"] and study.name in words
        ]
        only, overrides = _given(words, "--only"), _given(words, "--set")
        if not only and not overrides:
            continue
        checked += 1
        faults = [_fault(study, only, overrides) for study in named or studies]
        assert "" in faults, f"{shlex.join(words)}: {faults}"
    assert checked > 3


def _fault(study: Study, only: list[str], overrides: list[str]) -> str:
    """Return why a study has no such cells; empty if it has."""
    try:
        cells = study.cells(parse_only(only))
        check_overrides(cells, parse_overrides(overrides))
    except XenograftError as error:
        return str(error)
    return "" if cells else "no cells"
