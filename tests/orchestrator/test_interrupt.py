"""Runs that are cut off, by the user or the machine, and resumed: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from orchestrator.events import CellEndEvent, EndEvent, ReportEvent, StartEvent
from orchestrator.ledger import Ledger

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SELECTION = ["--only", "experiment=main", "--only", "name=a"]
"""Six search trials and two replicates of one cell, two at a time."""
STEP_S = 0.3


def _command(folder: Path, *arguments: str) -> list[str]:
    where = ["--storage", str(folder / "runs")]
    return [sys.executable, "-m", "orchestrator.cli", *arguments, *where]


def _environment(folder: Path, **extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    (folder / "home").mkdir(exist_ok=True)
    return {**kept, "HOME": str(folder / "home"), **extra}


def _hear_interrupts() -> None:
    # A background shell starts its jobs deaf to SIGINT, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        _command(folder, *arguments),
        env=_environment(folder, TOY_SLEEP=str(STEP_S)),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_interrupts,
    )


def _events(folder: Path, kind: type) -> list:
    ledger = Ledger(folder / "runs" / "toy" / "ledger.jsonl")
    return [event for _, event in ledger.read() if isinstance(event, kind)]


def _wait_for_the_middle(folder: Path, driver: subprocess.Popen[str], ended_before: int) -> None:
    """Wait until another trial has ended and one has reported a step."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        ended = {event.trial for event in _events(folder, EndEvent)}
        reported = {event.trial for event in _events(folder, ReportEvent)}
        if len(ended) > ended_before and reported - ended:
            return
        assert driver.poll() is None, driver.communicate()[0]
        time.sleep(0.05)
    raise AssertionError("the run did not get to its middle")


def _cut_off(folder: Path, sent: signal.Signals, *arguments: str) -> dict[str, list[str]]:
    """Start a driver, end it in the middle, and return the steps of the trials that had ended."""
    ended_before = len(_events(folder, EndEvent))
    driver = _start(folder, *arguments)
    _wait_for_the_middle(folder, driver, ended_before)
    driver.send_signal(sent)
    said, _ = driver.communicate(timeout=60)
    if sent == signal.SIGKILL:
        assert driver.returncode == -signal.SIGKILL
    else:
        assert driver.returncode == 130, said
        assert "stopping the trials at work" in said
        assert f"xenograft resume toy_package.study --storage {folder / 'runs'}" in said
        assert "Traceback" not in said
    done = {end.trial for end in _events(folder, EndEvent)}
    return {trial: steps for trial, steps in _steps(folder).items() if trial in done}


def _steps(folder: Path) -> dict[str, list[str]]:
    trials = folder / "runs" / "toy" / "trials"
    return {path.parent.name: path.read_text().split() for path in trials.glob("*/steps.txt")}


def _require_whole(folder: Path, finished_before: dict[str, list[str]]) -> None:
    """Check that the study ended as an uninterrupted one does."""
    ends = _events(folder, EndEvent)
    assert len({end.trial for end in ends}) == len(ends), "one end per trial"
    assert {end.state for end in ends} <= {"complete", "pruned"}
    phases = {start.trial: start.phase for start in _events(folder, StartEvent)}
    assert Counter(phases[end.trial] for end in ends) == {"search": 6, "replicate": 2}
    (cell_end,) = _events(folder, CellEndEvent)
    assert (cell_end.state, len(cell_end.replicates)) == ("complete", 2)
    after = _steps(folder)
    assert {trial: after[trial] for trial in finished_before} == finished_before
    # Of the three cuts, each repeats at most the step that was under way.
    assert all(max(Counter(steps).values()) <= 4 for steps in after.values())
    _require_one_run_each(folder, {end.trial for end in ends})


def _require_one_run_each(folder: Path, trials: set[str]) -> None:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder / 'runs' / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if "toy" in e.name]
    runs = client.search_runs([experiment.experiment_id])
    tracked = [r.data.tags["xenograft.trial"] for r in runs if "xenograft.trial" in r.data.tags]
    assert sorted(tracked) == sorted(trials)
    assert len(runs) == len(trials) + 1, "and one for the cell"
    assert "RUNNING" not in {run.info.status for run in runs}


@pytest.mark.timeout(400)
def test_a_run_that_is_killed_interrupted_and_terminated_ends_as_if_it_was_not(
    tmp_path: Path,
) -> None:
    run = ["run", "toy_package.study", *SELECTION]
    resume = ["resume", "toy_package.study"]
    finished = _cut_off(tmp_path, signal.SIGKILL, *run)
    assert finished
    finished |= _cut_off(tmp_path, signal.SIGINT, *resume)
    finished |= _cut_off(tmp_path, signal.SIGTERM, *resume)

    last = _start(tmp_path, *resume)
    said, _ = last.communicate(timeout=120)

    assert last.returncode == 0, said
    _require_whole(tmp_path, finished)


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_trials_of_two_workers_run_to_their_end(tmp_path: Path) -> None:
    driver = _start(
        tmp_path,
        *["run", "toy_package.study", "--recipe", "paper", "--replicates", "1"],
        *["--only", "experiment=main", "--only", "name=a"],
        *["--workers-per-trial", "2", "--cpus-per-worker", "0.5"],
    )
    said, _ = driver.communicate(timeout=480)
    assert driver.returncode == 0, said
    (end,) = _events(tmp_path, EndEvent)
    assert (end.state, end.step) == ("complete", 5)
    assert list(end.metrics) == ["test/score", "test/other"]
