"""The order in which work is handed out, against asking every cell each time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from local_executor import open_queue, toy_plan

from orchestrator.queue.cell_progress import CellProgress, Work
from orchestrator.queue.ready_cells import ReadyCells, Urgency
from orchestrator.queue.study_queue import StudyQueue
from trainables.context import Locations


@pytest.mark.parametrize("seed", range(5))
def test_the_first_cell_is_the_smallest_after_any_changes(seed: int) -> None:
    rng = random.Random(seed)
    ready, known = ReadyCells(), dict[str, Urgency]()
    for _ in range(500):
        number = rng.randrange(8)
        if rng.random() < 0.3:
            ready.discard(str(number))
            known.pop(str(number), None)
        else:
            urgency = (rng.random() < 0.5, rng.random() < 0.5, rng.randrange(3), number)
            ready.put(str(number), urgency)
            known[str(number)] = urgency
        assert ready.first() == min(known, key=lambda cell: known[cell], default=None)


def test_a_cell_that_changes_often_does_not_fill_the_memory() -> None:
    ready = ReadyCells()
    ready.put("first", (False, False, 0, 0))
    for running in range(10_000):
        ready.put("other", (True, True, running, 1))
    assert len(ready._heap) <= 5


@pytest.mark.parametrize("seed", range(8))
def test_the_queue_hands_out_what_asking_every_cell_would(
    seed: int, tmp_path: Path, locations: Locations
) -> None:
    rng = random.Random(seed)
    queue = open_queue(toy_plan(locations), tmp_path)
    out: list[Work] = []
    for t in range(400):
        if t == 40:
            queue = open_queue(toy_plan(locations), tmp_path)
            out = []
        if out and rng.random() < 0.5:
            _end(queue, out.pop(rng.randrange(len(out))), rng)
            continue
        expected = _first_by_asking(queue)
        work = queue.next_work()
        assert (work and work.cell) == expected
        if work is not None:
            out.append(work)
        assert queue.running == len(out)
        assert queue.remaining == _left_by_asking(queue)
    assert queue.finished
    assert all(cell.end is not None for cell in queue.cells.values())


def _end(queue: StudyQueue, work: Work, rng: random.Random) -> None:
    if rng.random() < 0.1:
        queue.on_failure(work.trial, "nan", "planted")
    elif queue.on_report(work.trial, 5, {"val/score": rng.random()}):
        queue.on_stopped(work.trial)
    else:
        queue.on_complete(work.trial, {}, None)


def _first_by_asking(queue: StudyQueue) -> str | None:
    """Return the cell that comes first by the rule of ``next_work``."""
    cells = list(queue.cells.values())
    able = [cell for cell in cells if _has_inputs(queue, cell) and _has_work(cell)]
    able.sort(key=lambda c: (not c.interrupted, c.searching, c.running, cells.index(c)))
    return able[0].cell.id if able else None


def _has_inputs(queue: StudyQueue, progress: CellProgress) -> bool:
    ends = [queue.cells[cell].end for cell in progress.cell.needs.values()]
    return all(end is not None and end.state == "complete" for end in ends)


def _has_work(progress: CellProgress) -> bool:
    if progress.end is not None:
        return False
    phases = [record.work.phase for record in progress.records.values()]
    if progress.interrupted or phases.count("search") < progress.cell.search_trials:
        return True
    chosen = not progress.searching and progress.chosen() is not None
    return chosen and phases.count("replicate") < progress.cell.budget.replicates


def _left_by_asking(queue: StudyQueue) -> int:
    return sum(
        progress.planned_trials - sum(not r.running for r in progress.records.values())
        for progress in queue.cells.values()
        if progress.end is None
    )
