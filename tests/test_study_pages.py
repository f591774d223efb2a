"""Every study has a page, of one skeleton, that says what its declaration and its cards say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from study_pages import SECTIONS, data_table, deviations, weights_table

from search_spaces.registry import STUDIES, load_study
from search_spaces.study import Study

DOCS = Path(__file__).parents[1] / "docs"
PAPERS = [name for name in STUDIES if load_study(name).deviations]

every_paper = pytest.mark.parametrize("name", PAPERS)


def _sections(name: str) -> dict[str, str]:
    """Return the page's sections by title, in order."""
    page = re.sub(r"^```.*?^```", "", _page(name), flags=re.DOTALL | re.MULTILINE)
    _, *parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@every_paper
def test_the_page_has_the_sections_of_all_pages(name: str) -> None:
    sections = _sections(name)
    assert tuple(sections) == SECTIONS
    assert all(text.strip() or title == "Commands" for title, text in sections.items())


@every_paper
def test_the_first_command_touches_every_cell(name: str) -> None:
    (commands,) = re.findall(r"^## Commands\n.*?^```bash\n(.*?)^```", _page(name), re.S | re.M)[:1]
    assert commands.startswith(f"xenograft run {name} --smoke")
    assert f"xenograft plan {name}" in commands


@every_paper
@pytest.mark.parametrize(
    ("section", "text_of"),
    [("Deviations", deviations), ("Data", data_table), ("Weights", weights_table)],
)
def test_the_page_says_what_study_and_cards_say(
    name: str, section: str, text_of: Callable[[Study], str]
) -> None:
    """The texts to paste: ``python tests/study_pages.py STUDY``."""
    assert text_of(load_study(name)) in _sections(name)[section]


@every_paper
def test_every_experiment_is_named(name: str) -> None:
    text = _page(name)
    assert [e.name for e in load_study(name).experiments if f"`{e.name}`" not in text] == []


@every_paper
def test_numbers_on_twins_are_called_not_comparable(name: str) -> None:
    text = _sections(name)["Published against ours"]
    assert "not comparable" in text
    assert "twin" in text
    assert "|---" in text
