"""What the page of a study says of its experiments is what the study has."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from search_spaces.registry import STUDIES, load_study

DOCS = Path(__file__).parents[2] / "docs"
OTHERWISE = {"demo", "medvlsm"}
"""No page of its own, and one that counts by network."""

TABLE = re.compile(r"\| experiment \|.*\| cells \|\n\|[-|]+\|\n((?:\|.*\|\n)+)")


def _counted(text: str) -> dict[str, int]:
    """Return the cells of each experiment by the page's table; a row may be of several."""
    (rows,) = TABLE.findall(text)
    found: dict[str, int] = {}
    for row in rows.splitlines():
        first, *_, last = row.strip("| ").split(" | ")
        names = re.findall(r"`(\w+)`", first)
        found |= zip(names, map(int, re.findall(r"\d+", last)), strict=True)
    return found


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in OTHERWISE])
def test_a_page_counts_the_cells_of_every_experiment(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert _counted(text) == Counter(cell.experiment for cell in load_study(name).cells())
