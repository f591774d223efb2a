"""How far a study has got, from its ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock
from local_executor import open_queue, run_all, toy_plan

from orchestrator.queue.study_queue import StudyQueue
from orchestrator.settings import Settings, resolve
from orchestrator.status import last_selection, study_status
from trainables.errors import SelectionError

TOY = "toy_package.study"


def _settings(tmp_path: Path) -> Settings:
    return resolve({"storage": tmp_path / "runs"}, {}, tmp_path).settings


def _begun(settings: Settings, **selection: object) -> StudyQueue:
    return open_queue(toy_plan(settings.locations, **selection), settings.storage / "toy")


def _finish(settings: Settings, queue: StudyQueue) -> None:
    run_all(queue, settings.storage / "toy", settings.locations)


def test_the_status_of_an_interrupted_run(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    queue = _begun(settings, only={"name": ("a",)})
    first, second = queue.next_work(), queue.next_work()
    assert first is not None
    assert second is not None
    queue.on_report(first.trial, 1, {"val/score": 0.25})
    queue.on_failure(second.trial, "nan", "loss is nan")
    queue.ledger.close()

    state = study_status(TOY, settings)

    assert state["active"] is False
    assert [cell["state"] for cell in state["cells"]] == ["interrupted", "waiting"]
    assert state["cells"][0]["search trials"] == "1/6"
    assert state["cells"][0]["best"] == "0.2500"
    assert state["next"] == f"xenograft resume {TOY}"
    assert not (settings.storage / "toy" / "driver.lock").exists(), "looking makes no file"


def test_the_status_while_another_process_runs(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    _begun(settings, only={"name": ("a",)}).next_work()
    with FileLock(settings.storage / "toy" / "driver.lock"):
        state = study_status(TOY, settings)
    assert state["active"] is True
    assert state["cells"][0]["state"] == "running"
    assert study_status(TOY, settings)["active"] is False


def test_the_status_of_a_finished_run_leads_to_the_report(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    _finish(settings, _begun(settings))
    state = study_status(TOY, settings)
    assert state["summary"] == "4 of 4 cells complete, 0 failed"
    assert state["next"] == f"xenograft report {TOY}"


def test_resume_repeats_the_last_selection(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    with pytest.raises(SelectionError, match="never run"):
        last_selection(TOY, settings)
    _begun(settings).ledger.close()
    queue = _begun(settings, only={"name": ("a",)}, overrides={"steps": "3"})
    assert last_selection(TOY, settings) == queue.plan.selection
