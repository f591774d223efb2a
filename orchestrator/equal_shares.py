"""Refusal of batches that the workers of a trial could not share, before any of them is started.

A loss that compares the cases of a batch across workers needs shares of one size. The config of
such a trainable names what is shared so, by key, in the class variable ``shared_equally``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.plan import Plan, PlannedCell
from search_spaces.space import Choice, IntRange
from trainables.errors import ResourceError


def require_equal_shares(plan: Plan, workers: int) -> None:
    """Check that the workers of a trial can share every batch that a cell may ask for.

    Raises:
        ResourceError: they cannot; the message names the cell, the key and a value that would do.
    """
    for cell in plan.cells:
        for key in getattr(cell.config, "shared_equally", ()):
            for value in _values(cell, key):
                if value % workers:
                    raise ResourceError(_uneven(cell, key, value, workers))


def _values(cell: PlannedCell, key: str) -> Iterable[Any]:
    param = None if cell.recipe == "paper" else cell.space.get(key)
    if isinstance(param, IntRange):
        return range(param.low, param.high + 1)
    return param.values if isinstance(param, Choice) else (getattr(cell.config, key),)


def _uneven(cell: PlannedCell, key: str, value: int, workers: int) -> str:
    near = max(1, round(getattr(cell.config, key) / workers)) * workers
    return (
        f"{cell.name}: {key} may be {value}, which {workers} workers cannot share equally, as its "
        f"loss needs them to. Fix it with --set {key}={near}, or choose other --workers-per-trial"
    )
