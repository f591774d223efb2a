"""The page on a report's files names every column that they have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.report.cell_files import CELLS_COLUMNS, METRICS_COLUMNS
from orchestrator.report.csv_file import RESULTS_COLUMNS
from orchestrator.report.pair_table import COMPARISONS_COLUMNS
from orchestrator.report.table import EntryStatus
from orchestrator.report.verdict import VerdictWord

PAGE = Path(__file__).parents[1] / "docs" / "reports.md"


def _documented(file: str) -> list[str]:
    """Return the columns in the first column of the section's table, in order."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {file}\n")[1].split("\n## ")[0]
    firsts = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return [name for first in firsts for name in re.findall(r"`([^`]+)`", first)]


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("cells.csv", (*CELLS_COLUMNS, "provenance.<fact>")),
        ("metrics.csv", METRICS_COLUMNS),
    ],
)
def test_columns_are_documented_in_their_order(file: str, columns: tuple[str, ...]) -> None:
    assert _documented(file) == list(columns)


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("results.csv", (*RESULTS_COLUMNS, "level.<factor>")),
        ("comparisons.csv", COMPARISONS_COLUMNS),
    ],
)
def test_every_column_is_documented_once(file: str, columns: tuple[str, ...]) -> None:
    assert sorted(_documented(file)) == sorted(columns)


def test_words_in_columns_are_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for word in (*get_args(EntryStatus), *get_args(VerdictWord)):
        assert f"`{word}`" in text
