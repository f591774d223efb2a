"""Estimates of what a run will take."""

from __future__ import annotations

from pathlib import Path

import pytest
from local_executor import open_queue, run_all, toy_plan

from orchestrator.estimate import estimate
from orchestrator.events import EndEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.settings import Settings, resolve


def _settings(tmp_path: Path) -> Settings:
    return resolve({"storage": tmp_path / "runs"}, {}, tmp_path).settings


def _begun(settings: Settings, **selection: object) -> StudyQueue:
    return open_queue(toy_plan(settings.locations, **selection), settings.storage / "toy")


def _finish(settings: Settings, queue: StudyQueue) -> None:
    run_all(queue, settings.storage / "toy", settings.locations)


def test_an_estimate_counts_what_is_left_and_times_what_was_timed(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    plan = toy_plan(settings.locations)
    before = estimate(plan, settings)
    assert (before.trials, before.done, before.seconds) == (22, 0, None)
    assert "no time estimate" in before.text()

    _finish(settings, _begun(settings, only={"experiment": ("main",), "name": ("a",)}))
    path = settings.storage / "toy" / "ledger.jsonl"
    events = [event for _, event in Ledger(path).read()]
    path.unlink()
    rewritten = Ledger(path)
    starts: dict[str, int] = {}
    for t, event in enumerate(events):
        # Every trial takes four seconds.
        if isinstance(event, StartEvent):
            starts[event.trial] = 10_000 * t
            event = type(event)(**{**vars(event), "t": 10_000 * t})
        elif isinstance(event, EndEvent):
            event = type(event)(**{**vars(event), "t": starts[event.trial] + 4000})
        rewritten.append(event)
    after = estimate(plan, settings)
    assert (after.trials, after.done) == (14, 8)
    assert after.slots is not None
    assert after.seconds == pytest.approx(14 * 4 / after.slots)
