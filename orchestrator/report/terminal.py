"""A study's tables in a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.report.findings import Findings
from orchestrator.report.number import mean_text, p_text, published_text, spread_text
from orchestrator.report.pair_table import PairTable
from orchestrator.report.table import IMPORTED_LEGEND, INTERVALS, LEGEND, Entry, Table, idle_text
from orchestrator.report.verdict import VerdictWord

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

_STYLES: Mapping[VerdictWord, str] = {
    "reproduced": "green",
    "higher": "magenta",
    "lower": "magenta",
    "not comparable": "dim",
}


def print_tables(findings: Findings, console: Console) -> None:
    """Print a study's tables, their legends, and what else must be said."""
    for renderable in renderables(findings):
        console.print(renderable)


def renderables(findings: Findings) -> list[RenderableType]:
    """Return the tables, their legends, and what else must be said, in print order."""
    from rich.text import Text

    results = findings.results
    pairs = {found.experiment: found for found in findings.pairs}
    shown: list[RenderableType] = []
    for whole in findings.tables:
        table, idle = whole.begun()
        shown.append(_rich_table(table) if table.rows else Text(table.title, style="bold"))
        if idle:
            shown.append(Text(f"  {idle_text(idle)}", style="dim"))
        shown += [Text(f"  {label}: {LEGEND[label]}", style="dim") for label in table.labels]
        if table.has_imported:
            shown.append(Text(f"  imported: {IMPORTED_LEGEND}", style="dim"))
        if table.verdicts:
            shown.append(Text(f"  against the paper: {table.verdicts}", style="dim"))
        if table.name in pairs:
            found = pairs[table.name]
            shown += [_pair_table(found), Text(f"  {found.words}", style="dim")]
    for what, counted in (
        ("failed trials", results.failures()),
        ("attempts tried again", results.retries()),
    ):
        if counted:
            counts = ", ".join(f"{n} {kind}" for kind, n in counted.most_common())
            shown.append(Text(f"{what}: {counts}", style="yellow"))
    if results.superseded:
        line = f"{results.superseded} older numbers were superseded by newer runs of their place"
        shown.append(Text(line, style="dim"))
    return shown


def _rich_table(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shared_n = _shared_n(table)
    caption = ", ".join(table.metrics)
    if table.interval == "bootstrap":
        caption += f"; in brackets the {INTERVALS[table.interval]}"
        caption += f", n={shared_n}" if shared_n else " and n"
    elif shared_n:
        caption += f"; ± is the sample sd over n={shared_n} replicates"
    shown = RichTable(
        title=Text(table.title, style="bold"),
        caption=caption or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    for factor in table.row_factors:
        shown.add_column(Text(factor), overflow="fold")
    for column in table.columns:
        shown.add_column(Text("\n".join(column) or "result"), justify="right", overflow="fold")
    for titles, entries in table.rows:
        cells = [_entry_text(entry, bool(shared_n)) for entry in entries]
        shown.add_row(*(Text(title) for title in titles), *cells)
    return shown


def _pair_table(found: PairTable) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    factor = found.factor
    shown = RichTable(
        title=Text(f"{factor.name} by {factor.name}", style="bold"),
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    shown.add_column(Text(factor.name), overflow="fold")
    shown.add_column(Text("minus"), overflow="fold")
    for title in ("difference", "Holm's p"):
        shown.add_column(Text(title), justify="right")
    for pair in found.pairs:
        p = "no test" if pair.p_holm is None else p_text(pair.p_holm)
        first, second = factor.title(pair.first), factor.title(pair.second)
        style = "bold" if pair.is_called else ""
        shown.add_row(Text(first), Text(second), f"{pair.effect:+.3f}", p, style=style)
    return shown


def _shared_n(table: Table) -> int | None:
    """Return the n that every spread of the table has, so that it need be said only once."""
    statistics = [entry.statistic for entry in table.entries if entry.statistic is not None]
    spreads = {None if s.sd is None and s.ci95_low is None else s.n for s in statistics}
    return spreads.pop() if len(spreads) == 1 else None


def _entry_text(entry: Entry | None, spread_is_named: bool) -> Text:
    from rich.text import Text

    if entry is None:
        return Text("–", style="dim")
    text = Text()
    if entry.statistic is None:
        text.append(entry.note, style="red" if entry.status == "failed" else "dim")
    else:
        text.append(mean_text(entry.statistic), style="bold")
        spread = spread_text(entry.statistic)
        if spread_is_named:
            spread = _without_n(spread)
        text.append(f" {spread}")
        if entry.labels:
            text.append("\n" + " ".join(entry.labels), style="yellow")
    for found in entry.imported:
        text.append(f"\nimported {mean_text(found)} {spread_text(found)}", style="magenta")
    if entry.published is not None:
        text.append(f"\npaper {published_text(entry.published)}", style="cyan")
    if entry.verdict is not None:
        text.append(f"\n{entry.verdict.text}", style=_STYLES[entry.verdict.word])
    return text


def _without_n(spread: str) -> str:
    """Return ``± 0.004`` of ``± 0.004 (sd, n=3)``, ``(1.0 to 1.1)`` of ``(1.0 to 1.1, n=3)``."""
    if spread.startswith("("):
        return re.sub(r", n=\d+\)$", ")", spread)
    return spread.partition(" (")[0]
