"""Shares of GPUs that are chosen for each cell: from needs, through room, to trials that wait."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from local_executor import open_queue, toy_plan

import orchestrator.gpus.need as gpu_need
from orchestrator.gpus.need import gpu_needs
from orchestrator.gpus.packing import make_room, planned_gpus
from orchestrator.gpus.room import GpuRoom
from orchestrator.gpus.share import gpu_share
from orchestrator.plan import Plan, make_plan
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.selection import Selection
from orchestrator.settings import Settings
from search_spaces.space import Choice, FloatRange, IntRange
from trainables.context import Locations
from trainables.errors import ResourceError


@pytest.mark.parametrize(
    ("need_gib", "gpu_gib", "parts"),
    [
        *[(1.0, 80.0, 8), (7.0, 80.0, 8), (9.0, 80.0, 5), (15.0, 80.0, 4), (20.0, 80.0, 3)],
        *[(30.0, 80.0, 2), (60.0, 80.0, 1), (200.0, 80.0, 1), (1.0, 24.0, 8), (3.0, 24.0, 5)],
    ],
)
def test_as_many_trials_share_a_gpu_as_its_memory_holds(
    need_gib: float, gpu_gib: float, parts: int
) -> None:
    assert gpu_share(need_gib, gpu_gib) == pytest.approx(1 / parts, abs=1e-4)


@pytest.mark.parametrize("gpu_gib", [8.0, 16.0, 24.0, 40.0, 80.0])
def test_shares_never_hand_out_more_than_a_gpu_has(gpu_gib: float) -> None:
    for need_gib in (0.1 * step for step in range(1, 1000)):
        share = gpu_share(need_gib, gpu_gib)
        if share < 1:
            assert need_gib < share * gpu_gib
            assert round(1 / share) * round(10_000 * share) <= 10_000, "as Ray counts"


def test_trials_are_handed_out_until_the_gpus_are_full(
    tmp_path: Path, locations: Locations
) -> None:
    queue, cells = _queue(tmp_path, locations)
    queue.room = GpuRoom(dict(zip(cells, (0.5, 0.25), strict=True)), gpus=1.0)
    first, second = queue.next_work(), queue.next_work()
    assert first is not None
    assert second is not None
    assert {first.cell, second.cell} == set(cells), "of the cell with the fewest at work"
    # Half a GPU would not fit; a quarter would, but does not overtake it.
    assert queue.next_work() is None
    small = second if second.cell == cells[1] else first
    queue.on_failure((first if small is second else second).trial, "nan", "")
    assert queue.next_work() is not None


def test_a_trial_that_waits_long_for_its_place_is_waited_for(
    tmp_path: Path, locations: Locations
) -> None:
    now = 0.0
    queue, cells = _queue(tmp_path, locations)
    shares = dict(zip(cells, (0.5, 0.25), strict=True))
    queue.room = GpuRoom(shares, gpus=4.0, patience_s=30.0, clock=lambda: now)
    waiting = queue.next_work()
    assert waiting is not None
    now = 29.0
    assert queue.next_work() is not None
    now = 31.0
    assert queue.next_work() is None
    queue.room.left_waiting(waiting.trial)
    assert queue.next_work() is not None


def test_a_trial_that_needs_more_than_was_estimated_gets_a_whole_gpu_before_smaller_parts(
    tmp_path: Path, locations: Locations
) -> None:
    queue, cells = _queue(tmp_path, locations)
    queue.room = GpuRoom(dict.fromkeys(cells, 0.25), gpus=4.0)
    first = queue.next_work()
    assert first is not None
    queue.on_failure(first.trial, "out_of_memory", "too much", splittable=True)
    again = queue.next_work()
    assert again is not None
    assert (again.trial, again.micro_batches, again.attempt) == (first.trial, 1, 1)
    assert queue.room.share(first.cell) == 1.0
    queue.on_failure(again.trial, "out_of_memory", "too much", splittable=True)
    third = queue.next_work()
    assert third is not None
    assert (third.trial, third.micro_batches) == (first.trial, 2)


def test_a_share_that_a_user_gave_stays(tmp_path: Path, locations: Locations) -> None:
    queue, _ = _queue(tmp_path, locations)
    queue.room = make_room(queue.plan, Settings(gpus_per_worker=0.25), [{"CPU": 8, "GPU": 1}])
    first = queue.next_work()
    assert first is not None
    queue.on_failure(first.trial, "out_of_memory", "too much", splittable=True)
    again = queue.next_work()
    assert again is not None
    assert (queue.room.share(first.cell), again.micro_batches) == (0.25, 2)


def test_alike_cells_are_rehearsed_once_and_kept(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def rehearse(configs: list[Any], *_: object) -> list[dict[str, Any]]:
        asked.extend(configs)
        return [{"bytes": 2**30 * config.batch_size} for config in configs]

    monkeypatch.setattr(gpu_need, "_rehearse", rehearse)
    plan = _classifiers(locations, [{"batch_size": 8}, {"epochs": 3, "batch_size": 8}])
    needs = gpu_needs(plan, locations, workers=1)
    assert len(asked) == 1
    assert [need.gib for need in needs.values()] == [8.0, 8.0]
    plan = _classifiers(locations, [{"batch_size": 8, "train_fraction": 0.5}, {"batch_size": 16}])
    assert [need.gib for need in gpu_needs(plan, locations, 1).values()] == [8.0, 16.0]
    assert [config.batch_size for config in asked] == [8, 16]
    gpu_needs(plan, locations, workers=2)
    assert len(asked) == 4, "ranks share a batch"


def test_a_search_is_given_what_its_most_demanding_trial_needs(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, str]] = []

    def rehearse(configs: list[Any], *_: object) -> list[dict[str, Any]]:
        seen.extend((config.batch_size, config.optimizer.name) for config in configs)
        return [{"bytes": 2**30 * config.batch_size} for config in configs]

    monkeypatch.setattr(gpu_need, "_rehearse", rehearse)
    (cell,) = _classifiers(locations, [{}]).cells
    space = {
        "batch_size": IntRange(low=4, high=32),
        "optimizer.name": Choice(values=("sgd", "adam")),
        "optimizer.lr": FloatRange(low=1e-5, high=1e-1, log=True),
        "epochs": Choice(values=(1, 2)),
    }
    searched = dataclasses.replace(
        cell,
        recipe="search",
        space=space,
        budget=dataclasses.replace(cell.budget, search_trials=5),
    )
    plan = dataclasses.replace(_classifiers(locations, [{}]), cells=(searched,))
    (need,) = gpu_needs(plan, locations, workers=1).values()
    assert need.gib == 32.0
    assert sorted(seen) == [(32, "adam"), (32, "sgd")]


def test_what_cannot_be_rehearsed_gets_a_whole_gpu_and_the_plan_says_why(
    tmp_path: Path, locations: Locations
) -> None:
    settings = Settings(
        storage=tmp_path, gpus_per_worker="auto", gpu_memory_gib=80.0, address="head:6379"
    )
    plan = toy_plan(locations)
    for gpu in planned_gpus(plan, settings).values():
        assert (gpu.share, gpu.text()) == (1.0, "1 (unknown need)")
        assert "has no rehearsal" in gpu.need.reason
    assert planned_gpus(plan, Settings(gpus_per_worker=0.5)) == {}


def test_a_rehearsal_of_a_network_runs_in_a_process_of_its_own(locations: Locations) -> None:
    plan = _classifiers(locations, [{"batch_size": 4}, {"batch_size": 64}])
    small, large = (need.gib for need in gpu_needs(plan, locations, workers=1).values())
    assert small is not None
    assert large is not None
    assert 0 < small < large < 1, "a twin is small"


def test_rehearsals_that_cannot_run_are_an_error_of_the_plan(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_need.sys, "executable", "/bin/false")
    with pytest.raises(ResourceError, match=r"exit code 1.*give a number of GPUs instead"):
        gpu_needs(_classifiers(locations, [{"batch_size": 5}]), locations, workers=1)


def _queue(tmp_path: Path, locations: Locations) -> tuple[StudyQueue, list[str]]:
    queue = open_queue(toy_plan(locations, only={"experiment": ("main",)}), tmp_path)
    return queue, list(queue.cells)


def _classifiers(locations: Locations, changes: list[dict[str, Any]]) -> Plan:
    """Return a plan of one cell for each config that is changed so."""
    selection = Selection(study="demo", only={"method": ("fine_tune",)}, recipe="paper", smoke=True)
    plan = make_plan(selection, locations)
    cell = next(c for c in plan.cells if c.config.trainable == "classify")
    cells = tuple(
        dataclasses.replace(cell, id=f"cell-{i}", config=dataclasses.replace(cell.config, **change))
        for i, change in enumerate(changes)
    )
    return dataclasses.replace(plan, cells=cells)
