"""Trials that end oddly, fail and are tried again, or run out of configs to try."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from local_executor import open_queue, run_all, toy_plan

from orchestrator.events import EndEvent
from orchestrator.ledger import Ledger
from orchestrator.messages import (
    pack_work,
)
from orchestrator.queue.study_queue import StudyQueue
from trainables.context import Locations


def _tune_trial(queue: StudyQueue) -> Any:
    work = queue.next_work()
    assert work is not None
    return SimpleNamespace(config=pack_work(work))


@pytest.mark.parametrize(
    ("result", "states"), [({"done": True}, ["failed"]), ({}, [])], ids=["left", "cut_off"]
)
def test_a_trial_that_leaves_without_a_word_fails_and_one_cut_off_does_not(
    tmp_path: Path, locations: Locations, result: Mapping[str, Any], states: list[str]
) -> None:
    from orchestrator.scheduler import StudyScheduler

    queue = open_queue(toy_plan(locations), tmp_path)
    StudyScheduler(queue).on_trial_complete(None, _tune_trial(queue), result)
    ends = [e for _, e in queue.ledger.read() if isinstance(e, EndEvent)]
    assert [end.state for end in ends] == states


def test_a_failed_search_trial_is_the_one_tried_again(tmp_path: Path, locations: Locations) -> None:
    plan = toy_plan(locations, only={"experiment": ("main",), "name": ("a",)})
    first = open_queue(plan, tmp_path)
    failed = first.next_work()
    assert failed is not None
    first.on_failure(failed.trial, "infrastructure", "the node left")

    handed_out = run_all(open_queue(plan, tmp_path), tmp_path, locations)

    again = handed_out[0]
    assert (again.trial, again.index, again.params) == (failed.trial, 0, {"x": 0.9})
    searched = [work.index for work in handed_out if work.phase == "search"]
    assert sorted(searched) == list(range(6)), "no number is given twice"


def test_a_config_whose_loss_was_no_number_is_never_tried_again(
    tmp_path: Path, locations: Locations
) -> None:
    plan = toy_plan(locations, only={"experiment": ("main",), "name": ("a",)})
    first = open_queue(plan, tmp_path)
    failed = first.next_work()
    assert failed is not None
    first.on_failure(failed.trial, "nan", "loss is nan at step 1")

    handed_out = run_all(open_queue(plan, tmp_path), tmp_path, locations)

    assert failed.trial not in {work.trial for work in handed_out}
    searched = {work.index: work.params for work in handed_out if work.phase == "search"}
    assert searched.keys() == {1, 2, 3, 4, 5}, "it has used its place in the budget"
    assert failed.params not in searched.values()


def test_a_small_space_is_tried_once_and_a_second_run_does_nothing(
    tmp_path: Path, locations: Locations
) -> None:
    import dataclasses

    from search_spaces.space import Choice

    plan = toy_plan(locations, only={"experiment": ("main",), "name": ("a",)})
    (cell,) = plan.cells
    small = dataclasses.replace(cell, space={"x": Choice(values=(0.1, 0.9))})
    plan = dataclasses.replace(plan, cells=(small,))
    assert small.search_trials == 2
    handed_out = run_all(open_queue(plan, tmp_path), tmp_path, locations)
    assert [work.phase for work in handed_out] == ["search"] * 2 + ["replicate"] * 2
    assert open_queue(plan, tmp_path).finished
    looked = StudyQueue(plan, Ledger(tmp_path / "ledger.jsonl"), look_only=True)
    looked.conclude_all()
    assert looked.finished
