"""Each kind of failure has its own consequence, and is counted."""

from __future__ import annotations

import csv
import dataclasses
import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fake_events import T0, cell, new_store, place, replicates, session, trial, write
from local_executor import open_queue, run_all, toy_plan
from report_sample import study

from orchestrator.events import EndEvent, StartEvent
from orchestrator.failures import classify_failure
from orchestrator.messages import Failure, pack, pack_work
from orchestrator.plan import Plan
from orchestrator.queue.cell_progress import Work
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.report import Findings, build_report, load_study_results
from orchestrator.tracking import Tracker
from trainables.context import Locations, NonFiniteLossError
from trainables.errors import DatasetError, StorageError

MAIN = {"experiment": ("main",)}


def _events(queue: StudyQueue, kind: type) -> list[Any]:
    return [event for _, event in queue.ledger.read() if isinstance(event, kind)]


def _next(queue: StudyQueue) -> Work:
    work = queue.next_work()
    assert work is not None
    return work


def test_a_trial_out_of_memory_is_tried_with_half_the_micro_batch_four_times(
    tmp_path: Path, locations: Locations
) -> None:
    queue = open_queue(toy_plan(locations, only=MAIN), tmp_path)
    first = _next(queue)
    parts = [first.micro_batches]
    for _ in range(4):
        queue.on_failure(first.trial, "out_of_memory", "too much", splittable=True)
        again = _next(queue)
        assert again.trial == first.trial, "before anything else, from its checkpoint"
        parts.append(again.micro_batches)
    queue.on_failure(first.trial, "out_of_memory", "too much", splittable=True)

    assert parts == [1, 2, 4, 8, 16]
    starts = [event for event in _events(queue, StartEvent) if event.trial == first.trial]
    assert [(s.attempt, s.micro_batches) for s in starts] == list(enumerate(parts))
    assert [s.after for s in starts] == [None] + ["out_of_memory"] * 4
    (end,) = _events(queue, EndEvent)
    assert (end.state, end.failure) == ("failed", "out_of_memory")


def test_what_cannot_be_split_fails_at_once(tmp_path: Path, locations: Locations) -> None:
    queue = open_queue(toy_plan(locations, only=MAIN), tmp_path)
    queue.on_failure(_next(queue).trial, "out_of_memory", "too much")
    assert [end.failure for end in _events(queue, EndEvent)] == ["out_of_memory"]


def test_a_driver_that_died_remembers_how_far_batches_were_split(
    tmp_path: Path, locations: Locations
) -> None:
    plan = toy_plan(locations, only=MAIN)
    queue = open_queue(plan, tmp_path)
    first = _next(queue)
    queue.on_failure(first.trial, "out_of_memory", "too much", splittable=True)
    assert _next(queue).micro_batches == 2
    again = _next(open_queue(plan, tmp_path))
    assert (again.trial, again.micro_batches, again.attempt) == (first.trial, 2, 2)
    assert again.after is None, "this time it was interrupted"


def test_tune_repeating_the_last_word_of_an_attempt_changes_nothing(
    tmp_path: Path, locations: Locations
) -> None:
    from orchestrator.scheduler import StudyScheduler

    queue = open_queue(toy_plan(locations, only=MAIN), tmp_path)
    scheduler = StudyScheduler(queue)
    first = _next(queue)
    ended: Any = SimpleNamespace(config=pack_work(first))
    said = pack(Failure(kind="out_of_memory", error="too much", splittable=True))
    scheduler.on_trial_result(None, ended, said)
    scheduler.on_trial_result(None, ended, said)
    scheduler.on_trial_complete(None, ended, {**said, "done": True})
    again = _next(queue)
    scheduler.on_trial_complete(None, ended, {**said, "done": True})
    assert (again.trial, again.micro_batches) == (first.trial, 2)
    assert queue.record(first.trial).running
    at_work: Any = SimpleNamespace(config=pack_work(again))
    scheduler.on_trial_complete(None, at_work, {"done": True})
    assert [end.failure for end in _events(queue, EndEvent)] == ["bug"]


def _with_data(plan: Plan, names: dict[str, tuple[str, ...]]) -> Plan:
    """Give cells, by the name in their config, data sets."""
    cells = tuple(
        dataclasses.replace(
            c, data=tuple({"name": n, "digest": f"digest of {n}"} for n in names[c.config.name])
        )
        for c in plan.cells
    )
    return dataclasses.replace(plan, cells=cells)


@pytest.mark.parametrize(
    ("data_of_b", "stopped"),
    [(("skin",), 2), (("skin", "eyes"), 2), (("eyes",), 1)],
    ids=["same", "one_of_two", "another"],
)
def test_damaged_data_stops_the_other_cells_that_use_it(
    tmp_path: Path, locations: Locations, data_of_b: tuple[str, ...], stopped: int
) -> None:
    plan = _with_data(toy_plan(locations, only=MAIN), {"a": ("skin",), "b": data_of_b})
    queue = open_queue(plan, tmp_path)
    first, at_work = _next(queue), _next(queue)
    assert first.cell != at_work.cell
    queue.on_failure(first.trial, "data", "skin/train: file 7.png is truncated")
    queue.on_report(at_work.trial, 1, {"val/score": 0.5})
    queue.on_complete(at_work.trial, {}, None)

    ends = [progress.end for progress in queue.cells.values() if progress.end is not None]
    assert len(ends) == stopped
    assert {end.state for end in ends} == {"failed"}
    assert all("skin/train: file 7.png" in end.reason for end in ends)
    assert queue.finished == (stopped == 2)
    run_all(open_queue(plan, tmp_path), tmp_path, locations)
    assert open_queue(plan, tmp_path).finished, "the next run tries again"


def test_damaged_data_blames_the_one_of_two_data_sets_that_the_error_names(
    tmp_path: Path, locations: Locations
) -> None:
    plan = _with_data(toy_plan(locations, only=MAIN), {"a": ("skin", "eyes"), "b": ("eyes",)})
    queue = open_queue(plan, tmp_path)
    queue.on_failure(_next(queue).trial, "data", "skin/train: file 7.png is truncated")
    assert [p.cell.config.name for p in queue.cells.values() if p.end is not None] == ["a"]


def test_a_replicate_that_failed_is_tried_again_as_another_attempt_of_it(
    tmp_path: Path, locations: Locations
) -> None:
    plan = toy_plan(locations, only={**MAIN, "name": ("a",)}, recipe="paper", replicates=1)
    queue = open_queue(plan, tmp_path)
    first = _next(queue)
    queue.on_failure(first.trial, "infrastructure", "the node left")
    again = _next(open_queue(plan, tmp_path))
    assert (again.trial, again.attempt, again.after) == (first.trial, 1, "infrastructure")


@pytest.mark.parametrize(
    ("kind", "value"), [("infrastructure", 0.9), ("bug", 0.2)], ids=["goes_on", "begins_anew"]
)
def test_what_a_trial_reported_before_it_failed_counts_if_it_goes_on_from_there(
    tmp_path: Path, locations: Locations, kind: Any, value: float
) -> None:
    plan = toy_plan(locations, only={**MAIN, "name": ("a",)})
    queue = open_queue(plan, tmp_path)
    first = _next(queue)
    queue.on_report(first.trial, 1, {"val/score": 0.9})
    queue.on_failure(first.trial, kind, "not now")
    again = open_queue(plan, tmp_path)
    assert _next(again).trial == first.trial
    again.on_report(first.trial, 2, {"val/score": 0.2})
    again.on_complete(first.trial, {}, None)
    assert _events(again, EndEvent)[-1].value == value


@pytest.mark.parametrize(("note", "kind"), [("", "infrastructure"), ("stack", "hung")])
def test_a_lost_worker_that_tune_starts_again_is_an_attempt_of_its_own(
    tmp_path: Path, locations: Locations, note: str, kind: str
) -> None:
    from orchestrator.scheduler import StudyScheduler

    queue = open_queue(toy_plan(locations), tmp_path)
    work = _next(queue)
    folder = tmp_path / "trials" / work.trial
    folder.mkdir(parents=True)
    (folder / "hung-0.txt").write_text(note)
    retried: Any = SimpleNamespace(
        config=pack_work(work), error_file=None, should_recover=lambda: True
    )
    StudyScheduler(queue).on_trial_error(None, retried)
    assert queue.record(work.trial).running
    starts = _events(queue, StartEvent)
    assert [(s.attempt, s.after) for s in starts] == [(0, None), (1, kind)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ActorUnavailableError: The actor 07ab is unavailable: The actor is temporarily", "infra"),
        ("ray.exceptions.NodeDiedError: its node is gone", "infra"),
        ("TypeError: Object of type set is not JSON serializable", "bug"),
    ],
)
def test_what_tune_says_of_a_lost_worker_is_told_from_a_broken_bridge(
    tmp_path: Path, locations: Locations, text: str, kind: str
) -> None:
    from orchestrator.scheduler import StudyScheduler

    queue = open_queue(toy_plan(locations), tmp_path)
    (tmp_path / "error.txt").write_text(text)
    lost: Any = SimpleNamespace(
        config=pack_work(_next(queue)),
        error_file=str(tmp_path / "error.txt"),
        should_recover=lambda: False,
    )
    StudyScheduler(queue).on_trial_error(None, lost)
    (end,) = _events(queue, EndEvent)
    assert end.failure.startswith(kind)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "out_of_memory"),
        (torch.OutOfMemoryError("tried to allocate 20 GiB"), "out_of_memory"),
        (NonFiniteLossError("loss is nan at step 3"), "nan"),
        (StorageError("the disk is full"), "infrastructure"),
        (OSError(errno.ENOSPC, "No space left on device"), "infrastructure"),
        (DatasetError("7.png is truncated"), "data"),
        (RuntimeError("shapes differ"), "bug"),
    ],
)
def test_errors_have_kinds(error: Exception, kind: str) -> None:
    assert classify_failure(error).kind == kind


HANGS = """
import pathlib, sys, time
from orchestrator.heartbeat import Heartbeat
folder = pathlib.Path(sys.argv[1])
def wait_for_ever(): time.sleep(60)
with Heartbeat(folder, 0, limit_s=0.6) as heart:
    for _ in range(8):
        time.sleep(0.1)
        heart.beat()
assert not list(folder.iterdir())
with Heartbeat(folder, 0, limit_s=0.1) as heart:
    wait_for_ever()
"""


def test_a_silent_worker_ends_itself_and_says_where_it_hung(tmp_path: Path) -> None:
    from orchestrator.heartbeat import hung_note

    ended = subprocess.run([sys.executable, "-c", HANGS, str(tmp_path)], timeout=50, check=False)
    assert ended.returncode == 1
    note = hung_note(tmp_path)
    assert note is not None
    assert "wait_for_ever" in note.read_text()


def test_attempts_that_were_tried_again_are_counted_in_the_report(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    path = tmp_path / "grafts" / "ledger.jsonl"
    begin, *rest = trial("c1", 0, t=T0 + 10)
    assert isinstance(begin, StartEvent)
    second = dataclasses.replace(begin, t=T0 + 11, attempt=1, after="out_of_memory")
    third = dataclasses.replace(begin, t=T0 + 12, attempt=2, after="hung")
    story = [session(), cell("c1", [place("transfer", {"weights": "imagenet"})])]
    write(path, [*story, begin, second, third, *rest, *replicates("c1", [0.7], t=T0 + 100)])
    tracker = Tracker(path, uri, "grafts", tmp_path / "state.json", flush_s=0.05)
    tracker.start()
    assert tracker.drain(60) == 0
    tracker.close()
    results = load_study_results(uri, "grafts")
    assert results.retries() == {"out_of_memory": 1, "hung": 1}
    build_report(Findings(results=results, study=study()), tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "followed by another: 1 out_of_memory, 1 hung." in page
    with (tmp_path / "report" / "cells.csv").open(encoding="utf-8") as file:
        assert [line["retries"] for line in csv.DictReader(file)] == ["2"]
    assert not results.failures()
