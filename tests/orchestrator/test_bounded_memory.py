"""What the queue keeps of trials and cells that have ended: little."""

from __future__ import annotations

import gc
from pathlib import Path

import optuna
from local_executor import open_queue, run_all, toy_plan

from orchestrator.tracking.history import History
from trainables.context import Locations


def _studies() -> int:
    gc.collect()
    return sum(isinstance(thing, optuna.Study) for thing in gc.get_objects())


def test_of_a_trial_that_ended_its_best_and_its_last_value_are_kept(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(toy_plan(locations), tmp_path)
    work = queue.next_work()
    assert work is not None
    for step, value in enumerate([0.1, 0.8, 0.3, 0.2], start=1):
        queue.on_report(work.trial, step, {"val/score": value})
    queue.on_complete(work.trial, {}, None)
    record = queue.record(work.trial)
    assert (record.values, record.value) == ({2: 0.8, 4: 0.2}, 0.8)
    assert (record.work.config, record.work.flat_config) == ({}, {})
    assert record.work.params == work.params


def test_a_trial_that_failed_of_its_surroundings_keeps_what_it_goes_on_with(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(toy_plan(locations), tmp_path)
    work = queue.next_work()
    assert work is not None
    for step, value in enumerate([0.1, 0.8, 0.3], start=1):
        queue.on_report(work.trial, step, {"val/score": value})
    queue.on_failure(work.trial, "infrastructure", "the node left")
    assert queue.record(work.trial).values == {1: 0.1, 2: 0.8, 3: 0.3}


def test_a_cell_that_ended_has_no_search_any_more(tmp_path: Path, locations: Locations) -> None:
    before = _studies()
    queue = open_queue(toy_plan(locations, only={"experiment": ("main",)}), tmp_path)
    assert _studies() - before == len(queue.cells)
    run_all(queue, tmp_path, locations)
    assert queue.finished
    assert _studies() == before


def test_tracking_remembers_no_steps_of_a_trial_that_ended(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(toy_plan(locations), tmp_path)
    run_all(queue, tmp_path, locations)
    history = History()
    for _, event in queue.ledger.read():
        history.observe(event)
    assert history.steps == {}
