"""Why a cell's number cannot be held against the published one, whatever it is."""

from __future__ import annotations

from orchestrator.report.results import CellResult, StudyResults
from search_spaces.study import Budget


def unlike(cell: CellResult, budget: Budget, stale: frozenset[str]) -> str:
    """Return the first reason why a cell is not what the study asks for; empty if there is none.

    Args:
        budget: what the study spends on the cell.
        stale: digests of data that newer cells of the study no longer stand on.
    """
    kinds = {d.kind for d in cell.data} | {w.kind for w in cell.weights}
    asked = cell.selection
    if "synthetic" in kinds:
        return "generated pictures"
    if "twin" in kinds:
        return "stand-in backbone"
    if asked.get("smoke") or asked.get("twin"):
        return "scaled-down run"
    old = [d.name for d in cell.data if d.digest in stale]
    if old:
        return f"another copy of the data ({', '.join(old)})"
    changed = _overrides(cell)
    if changed:
        return f"settings changed ({', '.join(changed)})"
    return _less_spent(cell, budget)


def stale_digests(results: StudyResults) -> frozenset[str]:
    """Return the digests of data sets that newer cells of the study have in another version."""
    newest: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for cell in sorted(results.cells, key=lambda c: c.planned):
        newest |= {d.name: d.digest for d in cell.data}
        seen |= {(d.name, d.digest) for d in cell.data}
    return frozenset(digest for name, digest in seen if newest[name] != digest)


def _overrides(cell: CellResult) -> list[str]:
    """Return the ``--set`` keys that changed this cell: it has only some of the study's keys."""
    keys = {key for trial in cell.replicates for key in trial.config}
    return [
        key
        for key in cell.selection.get("overrides", {})
        if any(known == key or known.startswith(f"{key}.") for known in keys)
    ]


def _less_spent(cell: CellResult, budget: Budget) -> str:
    if len(cell.replicates) < budget.replicates:
        return f"{len(cell.replicates)} of {budget.replicates} replicates"
    tried = cell.selection.get("search_trials")
    if cell.recipe == "search" and tried is not None and tried < budget.search_trials:
        return f"{tried} of {budget.search_trials} search trials"
    return ""
