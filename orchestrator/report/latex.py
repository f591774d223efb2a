"""A table as LaTeX, for ``\\usepackage{booktabs}``."""

from __future__ import annotations

from orchestrator.report.number import mean_text, published_text, spread_text
from orchestrator.report.table import IMPORTED_LEGEND, INTERVALS, LEGEND, Entry, Table, header_spans

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "–": "--",
    "×": r"$\times$",
    "≈": r"$\approx$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "○": r"$\circ$",
}


def table_latex(table: Table) -> str:
    """Return a ``table`` environment with the number and the published one in each entry."""
    side = max(1, len(table.row_factors))
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(_caption(table))}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{'l' * side}{'r' * len(table.columns)}}}",
        r"\toprule",
        *_header(table, side),
        r"\midrule",
    ]
    for titles, entries in table.rows:
        lines.append(_row([*(titles or ("",)), *(_number(entry) for entry in entries)]))
        most = max((len(entry.imported) for entry in entries if entry is not None), default=0)
        for n in range(most):
            lines.append(_row([*[""] * side, *(_imported(entry, n) for entry in entries)]))
        if any(entry is not None and entry.published is not None for entry in entries):
            lines.append(_row([*[""] * side, *(_paper(entry) for entry in entries)]))
        if any(entry is not None and entry.verdict is not None for entry in entries):
            lines.append(_row([*[""] * side, *(_verdict(entry) for entry in entries)]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def escape(text: str) -> str:
    """Return text in which LaTeX sees no commands."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def _caption(table: Table) -> str:
    parts = [table.title.rstrip(".") + "."]
    if table.metrics:
        brackets = (
            "the brackets name what ± is, and n"
            if table.interval == "student"
            else f"in brackets the {INTERVALS[table.interval]}, and n"
        )
        parts.append(f"{', '.join(table.metrics)}; {brackets}.")
    parts += [f"{label}: {LEGEND[label]}." for label in table.labels]
    parts += [f"imported: {IMPORTED_LEGEND}."] if table.has_imported else []
    parts += [f"Against the published numbers: {table.verdicts}."] if table.verdicts else []
    return " ".join(parts)


def _header(table: Table, side: int) -> list[str]:
    if not table.column_factors:
        return [_row([*(table.row_factors or ("",)), "result"])]
    lines = []
    for depth in range(len(table.column_factors)):
        last = depth == len(table.column_factors) - 1
        names = [escape(n) for n in table.row_factors] if last else [""] * side
        spans = header_spans(table.columns, depth)
        heads = [
            rf"\multicolumn{{{n}}}{{c}}{{{escape(t)}}}" if n > 1 else escape(t) for t, n in spans
        ]
        lines.append(" & ".join([*(names or [""]), *heads]) + r" \\")
    return lines


def _row(texts: list[str]) -> str:
    return " & ".join(escape(text) for text in texts) + r" \\"


def _number(entry: Entry | None) -> str:
    if entry is None:
        return "–"
    if entry.statistic is None:
        return entry.note
    words = [mean_text(entry.statistic), spread_text(entry.statistic), *entry.labels]
    return " ".join(words)


def _imported(entry: Entry | None, n: int) -> str:
    if entry is None or n >= len(entry.imported):
        return ""
    return f"imported {mean_text(entry.imported[n])} {spread_text(entry.imported[n])}"


def _paper(entry: Entry | None) -> str:
    if entry is None or entry.published is None:
        return ""
    return f"paper {published_text(entry.published)}"


def _verdict(entry: Entry | None) -> str:
    return "" if entry is None or entry.verdict is None else entry.verdict.text
