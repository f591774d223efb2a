"""The one place that prints: tables and lines for people, JSON for programs."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

_PIPE_WIDTH = 160
"""Columns where there is no terminal to ask, as in a log file."""

_MOST_NAMED = 3
"""Cells left out for one reason that are named one by one."""

OUT = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
ERR = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON document and nothing else."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_rows(headers: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table; its first column is never broken, the others fold rather than being cut."""
    widths = [max(map(cell_len, column)) for column in zip(headers, *rows, strict=True)]
    if _needs_no_folding(widths, headers, rows, title):
        _print_lines(widths, headers, rows, title)
        return
    from rich.table import Table

    # Text, not str: what users and studies wrote is never markup.
    shown_title = Text(title, style="table.title") if title else None
    table = Table(title=shown_title, title_justify="left", header_style="bold", box=None)
    for i, header in enumerate(headers):
        table.add_column(Text(header), overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*map(Text, row))
    OUT.print(table)


def _needs_no_folding(
    widths: Sequence[int], headers: Sequence[str], rows: Sequence[Sequence[str]], title: str
) -> bool:
    table_width = sum(widths) + 2 * len(widths)
    texts = itertools.chain((title,), headers, *rows)
    return cell_len(title) <= table_width <= OUT.width and all(map(str.isprintable, texts))


def _print_lines(
    widths: Sequence[int], headers: Sequence[str], rows: Sequence[Sequence[str]], title: str
) -> None:
    """Print what Rich would; it takes half of the time of a large plan to lay out its cells."""

    def line(row: Sequence[str]) -> str:
        cells = map(set_cell_size, row, widths)
        return "".join(f" {cell} " for cell in cells)

    if title:
        OUT.out(set_cell_size(title, sum(widths) + 2 * len(widths)), style="italic")
    OUT.out(line(headers), style="bold")
    if rows:
        OUT.out("\n".join(map(line, rows)))


def print_error(message: str) -> None:
    """Print an error for the user on standard error."""
    ERR.print(Text("error:", style="bold red") + Text(f" {message}"))


def print_warning(message: str) -> None:
    """Print on standard error what may not go as asked."""
    ERR.print(Text("warning:", style="yellow") + Text(f" {message}"))


def print_left_out(skipped: Mapping[str, str]) -> None:
    """Say on standard error which cells are left out, and why."""
    by_reason: dict[str, list[str]] = {}
    for key, reason in skipped.items():
        by_reason.setdefault(reason, []).append(key)
    for reason, keys in by_reason.items():
        experiments = ", ".join(dict.fromkeys(key.partition("/")[0] for key in keys))
        named = ", ".join(keys)
        if len(keys) > _MOST_NAMED:
            named = f"{len(keys)} cells of {experiments}"
        ERR.print(Text("left out", style="yellow") + Text(f" {named}: {reason}"))


@contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error, if that is a terminal, until the block ends.

    Yields:
        What moves it: called with how much is done, and how much there is.
    """
    from rich.progress import Progress

    with Progress(console=ERR, transient=True, disable=not ERR.is_terminal) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_next(step: str) -> None:
    """Print what to do next."""
    OUT.print(Text(f"next: {step}", style="dim"), soft_wrap=True)
