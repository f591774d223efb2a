"""Which cells would fail of what a trial has just failed of."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.events import FailureKind
from orchestrator.queue.cell_progress import CellProgress


def blocked_by(
    failed: CellProgress, kind: FailureKind, error: str, cells: Iterable[CellProgress]
) -> dict[str, str]:
    """Return the cells that would fail of the same, and why.

    A bug is met by the other trials of its cell. Damaged data is met by every cell that uses the
    data set: the one the error names, or the only one there is.
    """
    last = (error.strip().splitlines() or ["no message"])[-1]
    if kind == "bug":
        return {failed.cell.id: f"stopped at its first bug: {last}"}
    if kind != "data":
        return {}
    used = {data["digest"]: data["name"] for data in failed.cell.data}
    named = {digest for digest, name in used.items() if len(used) == 1 or name in error}
    reasons = {failed.cell.id: f"stopped at data that cannot be used: {last}"}
    for progress in cells:
        if named & {data["digest"] for data in progress.cell.data}:
            reasons[progress.cell.id] = reasons[failed.cell.id]
    return reasons
