"""Which replicate of a completed cell stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.events import CellEndEvent, CellEvent, SessionEvent
from orchestrator.tracking.history import History, Replicate
from trainables.predictors.kinds import Kind, kind_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Champion:
    """The model of a completed cell.

    Args:
        cell: as it was planned last.
        folder: its files.
        replicates: all that make the number of the cell, this one among them.
        session: of the driver that completed the cell; None in ledgers without one.
    """

    cell: CellEvent
    end: CellEndEvent
    session: SessionEvent | None
    best: Replicate
    kind: Kind
    folder: Path
    replicates: Sequence[Replicate]

    @property
    def twin(self) -> bool:
        """Whether ``--twin`` took the place of the study's data and backbones."""
        return self.session is not None and bool(self.session.selection.get("twin"))


def choose_champion(end: CellEndEvent, history: History, study_folder: Path) -> Champion | None:
    """Return the replicate that validation found best of those that left a model.

    The test has no part in it. Of equals the first wins.

    Returns:
        None when the cell failed, or none of its replicates left a model.

    Raises:
        WeightsError: the description of a model is damaged.
    """
    cell = history.cells.get(end.cell)
    if end.state != "complete" or cell is None:
        return None
    replicates = [history.replicates[t] for t in end.replicates if t in history.replicates]
    for best in sorted(replicates, key=lambda replicate: _rank(replicate, cell)):
        if best.end.artifacts is None:
            continue
        folder = study_folder / best.end.artifacts
        kind = kind_of(folder)
        if kind is not None:
            return Champion(
                cell=cell,
                end=end,
                session=history.session,
                best=best,
                kind=kind,
                folder=folder,
                replicates=replicates,
            )
    return None


def _rank(replicate: Replicate, cell: CellEvent) -> float:
    value = replicate.end.value
    assert value is not None  # it ended well
    return -value if cell.objective["mode"] == "max" else value
