"""What is left of a study: which cell is next, how much runs, how much is to be run.

Kept up to date by every event, because asking every cell would cost more the more there are.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.gpus.room import GpuRoom
from orchestrator.queue.cell_progress import CellProgress
from orchestrator.queue.ready_cells import ReadyCells, Urgency


class Agenda:
    """Cells by urgency, and sums over all of them.

    Args:
        cells: by id, in the order of the plan.

    Attributes:
        room: what trials take of the GPUs.
        running: trials handed out that have not ended.
        remaining: trials still to run, if none is stopped or fails.
    """

    def __init__(self, cells: Mapping[str, CellProgress]) -> None:
        self.room = GpuRoom()
        self.running = 0
        self.remaining = 0
        self._cells = cells
        self._order = {cell_id: i for i, cell_id in enumerate(cells)}
        self._needed_by = _needed_by(cells)
        self._ready = ReadyCells()
        self._unfinished = set(cells)
        self._running: dict[str, int] = {}
        self._remaining: dict[str, int] = {}
        self._taken: dict[str, float] = {}
        self._gpus_taken = 0.0

    @property
    def unfinished(self) -> int:
        """How many cells have not ended."""
        return len(self._unfinished)

    def next(self) -> CellProgress | None:
        """Return the most urgent cell that is ready, unless its trial finds no room now."""
        cell_id = self._ready.first()
        if cell_id is None or not self.room.fits(cell_id, self._gpus_taken):
            return None
        return self._cells[cell_id]

    def has_nothing(self, progress: CellProgress) -> None:
        """Take note that a cell has nothing to hand out until something happens to it."""
        self._ready.discard(progress.cell.id)

    def update(self, progress: CellProgress) -> None:
        """Take note of what changed in a cell: how urgent it is, and what it adds to the sums."""
        cell = progress.cell.id
        if progress.end is None and self.inputs_ready(progress):
            self._ready.put(cell, self._urgency(progress))
        else:
            self._ready.discard(cell)
        remaining = 0
        if progress.end is None:
            ended = len(progress.records) - progress.running - len(progress.interrupted)
            remaining = max(progress.planned_trials - ended, 0)
        else:
            self._unfinished.discard(cell)
        self.remaining += remaining - self._remaining.get(cell, 0)
        self._remaining[cell] = remaining
        self.running += progress.running - self._running.get(cell, 0)
        self._running[cell] = progress.running
        taken = progress.running * self.room.share(cell)
        self._gpus_taken += taken - self._taken.get(cell, 0.0)
        self._taken[cell] = taken

    def inputs_ready(self, progress: CellProgress) -> bool:
        """Return whether the cells that one needs are complete; if so, tell it what they left."""
        for name, cell_id in progress.cell.needs.items():
            needed = self._cells[cell_id].end
            if needed is None or needed.state != "complete":
                return False
            progress.input_trials[name] = needed.replicates
        return True

    def needing(self, progress: CellProgress) -> list[CellProgress]:
        """Return the cells that need one, in the order of the plan."""
        return [self._cells[cell] for cell in self._needed_by[progress.cell.id]]

    def _urgency(self, progress: CellProgress) -> Urgency:
        return (
            not progress.interrupted,
            progress.searching,
            progress.running,
            self._order[progress.cell.id],
        )


def _needed_by(cells: Mapping[str, CellProgress]) -> dict[str, list[str]]:
    needed_by: dict[str, list[str]] = {cell_id: [] for cell_id in cells}
    for cell_id, progress in cells.items():
        for need in dict.fromkeys(progress.cell.needs.values()):
            needed_by[need].append(cell_id)
    return needed_by
