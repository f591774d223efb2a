"""Tables on the terminal: the quick way prints what Rich's own table does."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator import console

HEADERS = ("method", "id", "replicates")


def _print(
    monkeypatch: pytest.MonkeyPatch, width: int, rows: list[tuple[str, ...]], title: str = ""
) -> str:
    out = Console(file=io.StringIO(), width=width, highlight=False, emoji=False)
    monkeypatch.setattr(console, "OUT", out)
    console.print_rows(HEADERS, rows, title)
    text: str = out.file.getvalue()  # type: ignore[attr-defined]
    return text


def _rich(width: int, rows: list[tuple[str, ...]], title: str) -> str:
    table = Table(title=Text(title) if title else None, title_justify="left", box=None)
    for i, header in enumerate(HEADERS):
        table.add_column(Text(header), overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*map(Text, row))
    out = Console(file=io.StringIO(), width=width, highlight=False, emoji=False)
    out.print(table)
    text: str = out.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.parametrize(
    "rows",
    [
        [("knn", "71b5b6c3", "3"), ("linear_probe", "as 71b5b6c3", "")],
        [],
        [("医学", "naïve", "[bold]3[/bold]"), ("e\u0301", ":warning:", "5 %")],
        [("two\nlines", "tab\there", "3")],
        [("knn", "word " * 30, "3")],
    ],
    ids=["plain", "no rows", "wide letters and markup", "control characters", "too wide"],
)
@pytest.mark.parametrize(
    "title", ["", "transfer", "a title of more letters than the table is wide"]
)
@pytest.mark.parametrize("width", [160, 40])
def test_a_table_looks_as_rich_lays_it_out(
    monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, ...]], title: str, width: int
) -> None:
    assert _print(monkeypatch, width, rows, title) == _rich(width, rows, title)


def test_a_table_that_fits_is_not_laid_out_cell_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    def add_row(*_: object) -> None:
        raise AssertionError("laid out by Rich")

    monkeypatch.setattr(Table, "add_row", add_row)
    assert "knn" in _print(monkeypatch, 160, [("knn", "71b5b6c3", "3")])
