"""What a search chooses when its trials come to a bad end, and when that is settled."""

from __future__ import annotations

from pathlib import Path

from local_executor import open_queue, run_all, run_one, toy_plan

from orchestrator.events import CellEndEvent, EndEvent
from orchestrator.plan import Plan
from orchestrator.queue.cell_progress import Work
from orchestrator.queue.study_queue import StudyQueue
from trainables.context import Locations


def _plan(locations: Locations) -> Plan:
    only = {"experiment": ("main",), "name": ("a",)}
    return toy_plan(locations, only=only, search_trials=3, replicates=2)


def _next(queue: StudyQueue) -> Work:
    work = queue.next_work()
    assert work is not None
    return work


def _report(queue: StudyQueue, work: Work, *values: float) -> None:
    for step, value in enumerate(values, start=1):
        queue.on_report(work.trial, step, {"val/score": value})


def _ends(queue: StudyQueue) -> dict[str, list[EndEvent]]:
    ends: dict[str, list[EndEvent]] = {}
    for _, event in queue.ledger.read():
        if isinstance(event, EndEvent):
            ends.setdefault(event.trial, []).append(event)
    return ends


def test_without_a_finished_trial_the_best_of_those_that_went_furthest_is_chosen(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(_plan(locations), tmp_path)
    diverged, further, stopped = (_next(queue) for _ in range(3))
    _report(queue, diverged, 0.9, 0.95)
    queue.on_failure(diverged.trial, "nan", "loss is nan at step 3")
    _report(queue, further, 0.5, 0.4)
    queue.on_stopped(further.trial)
    _report(queue, stopped, 0.8)
    queue.on_stopped(stopped.trial)

    replicates = run_all(queue, tmp_path, locations)

    assert [work.params for work in replicates] == [further.params] * 2
    (end,) = [event for _, event in queue.ledger.read() if isinstance(event, CellEndEvent)]
    assert (end.state, end.chosen) == ("complete", dict(further.params))
    assert end.reason == "chosen from trials that were stopped early, as none finished"


def test_without_a_trial_that_finished_or_was_stopped_there_is_no_choice(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(_plan(locations), tmp_path)
    for _ in range(3):
        queue.on_failure(_next(queue).trial, "nan", "loss is nan at step 1")
    (progress,) = queue.cells.values()
    assert progress.end is not None
    assert progress.end.reason == "no search trial finished"


def test_while_a_trial_is_lost_there_is_no_choice_among_those_it_stopped(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(_plan(locations), tmp_path)
    lost, *stopped = (_next(queue) for _ in range(3))
    _report(queue, lost, 0.9, 0.95)
    for work in stopped:
        _report(queue, work, 0.5)
        queue.on_stopped(work.trial)
    queue.on_failure(lost.trial, "infrastructure", "no space left on device")
    (progress,) = queue.cells.values()
    assert progress.end is not None
    assert (progress.end.state, progress.end.reason) == ("failed", "no search trial finished")

    again = open_queue(_plan(locations), tmp_path)
    assert next(iter(run_all(again, tmp_path, locations))).trial == lost.trial
    (progress,) = again.cells.values()
    assert progress.end is not None
    assert (progress.end.state, progress.end.chosen) == ("complete", dict(lost.params))


def _interrupted_at_a_replicate(folder: Path, locations: Locations) -> tuple[Work, list[Work]]:
    """Run until the driver is killed: a replicate is at work, and search trials were lost.

    Returns:
        The replicate, and the trials that were lost.
    """
    queue = open_queue(_plan(locations), folder)
    run_one(queue, _next(queue), folder, locations)
    lost = [_next(queue) for _ in range(2)]
    for work in lost:
        queue.on_failure(work.trial, "infrastructure", "no space left on device")
    replicate = _next(queue)
    assert replicate.phase == "replicate"
    _report(queue, replicate, 0.1)
    return replicate, lost


def test_a_replicate_of_a_search_that_goes_on_is_not_finished(
    tmp_path: Path, locations: Locations
) -> None:
    replicate, lost = _interrupted_at_a_replicate(tmp_path, locations)
    queue = open_queue(_plan(locations), tmp_path)
    handed_out = run_all(queue, tmp_path, locations)

    assert [work.trial for work in handed_out[:2]] == [work.trial for work in lost]
    ends = _ends(queue)
    assert [(e.state, e.failure) for e in ends[replicate.trial]] == [("failed", "infrastructure")]
    (progress,) = queue.cells.values()
    assert progress.end is not None
    assert progress.end.chosen != replicate.params, "a trial that was lost is better"
    finished = {w.trial for w in handed_out if w.phase == "replicate"}
    assert finished == set(progress.end.replicates)
    # Read again, the ledger says the same.
    again = open_queue(_plan(locations), tmp_path)
    assert again.finished
    assert _ends(again) == ends


def test_it_goes_on_if_its_config_is_chosen_again(tmp_path: Path, locations: Locations) -> None:
    replicate, lost = _interrupted_at_a_replicate(tmp_path, locations)
    queue = open_queue(_plan(locations), tmp_path)
    for work in lost:
        assert _next(queue).trial == work.trial
        queue.on_failure(work.trial, "nan", "loss is nan at step 1")
    again = _next(queue)
    assert (again.trial, again.attempt, again.after) == (replicate.trial, 1, "infrastructure")
    assert queue.record(again.trial).values == {1: 0.1}


def test_a_cell_that_has_its_replicates_ends_when_what_it_needs_has_searched_on(
    tmp_path: Path, locations: Locations
) -> None:
    names = {"experiment": ("main", "after"), "name": ("a",)}
    first = open_queue(toy_plan(locations, only=names, search_trials=2), tmp_path)
    run_all(first, tmp_path, locations)
    longer = open_queue(toy_plan(locations, only=names, search_trials=3), tmp_path)
    added = longer.next_work()
    assert added is not None
    longer.on_failure(added.trial, "nan", "loss is nan at step 1")
    assert longer.finished
    assert longer.next_work() is None
