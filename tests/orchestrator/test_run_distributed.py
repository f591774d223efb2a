"""Trials of two ranks through Ray Train inside Tune: stopped early, killed, gone on with."""

from __future__ import annotations

import io
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_executor import toy_plan
from rich.console import Console

from orchestrator.events import EndEvent, ReportEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.resources import local_node
from orchestrator.runner import Outcome, run_plan
from orchestrator.settings import Settings, resolve

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

WORLD = 2

UNSTARTED_ONCE = """
import os, sys, traceback

class Planted:
    def find_spec(self, name, path=None, target=None):
        frames = traceback.extract_stack() if name == "orchestrator.trial" else ()
        if any("worker_group/worker" in frame.filename for frame in frames):
            try:
                os.open(os.environ["UNSTARTED"], os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                return None
            raise ImportError("planted: this rank cannot take its work")

sys.meta_path.insert(0, Planted())
"""


def _settings(tmp_path: Path, cpus_per_worker: float = 0.5) -> Settings:
    # Half a CPU for each rank, so that the driver of the group finds its share on two cores.
    asked = {
        "workers_per_trial": WORLD,
        "cpus_per_worker": cpus_per_worker,
        "max_concurrent": 1,
    }
    return resolve({"storage": tmp_path / "runs", **asked}, {}, tmp_path).settings


def _run(settings: Settings, **selection: object) -> Outcome:
    plan = toy_plan(settings.locations, **selection)
    return run_plan(plan, settings, Console(file=io.StringIO()))


def _events(settings: Settings, kind: type) -> list:
    ledger = Ledger(settings.storage / "toy" / "ledger.jsonl")
    return [event for _, event in ledger.read() if isinstance(event, kind)]


def _steps(settings: Settings, trial: str) -> list[int]:
    path = settings.storage / "toy" / "trials" / trial / "steps.txt"
    return [int(step) for step in path.read_text().split()]


@pytest.fixture(scope="module", autouse=True)
def _another_cluster_that_is_gone() -> Iterator[None]:
    # What `ray start` leaves behind. The path is short for Ray's sockets.
    with (
        tempfile.TemporaryDirectory(prefix="ray-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        (Path(folder) / "ray").mkdir()
        (Path(folder) / "ray" / "ray_current_cluster").write_text("127.0.0.1:9")
        patch.setenv("RAY_TMPDIR", folder)
        yield


def test_groups_are_searched_stopped_and_repeated(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    only = {"experiment": ("main",), "name": ("a",)}
    outcome = _run(settings, only=only, search_trials=4, replicates=1)
    assert (outcome.finished, outcome.failed_cells) == (True, {})
    ends = _events(settings, EndEvent)
    assert len({end.trial for end in ends}) == len(ends) == len(_events(settings, StartEvent))
    states = Counter(end.state for end in ends)
    assert states.keys() == {"complete", "pruned"}
    reports = Counter((report.trial, report.step) for report in _events(settings, ReportEvent))
    assert set(reports.values()) == {1}, "one report of both ranks"
    for end in ends:
        if end.state == "complete":
            assert Counter(_steps(settings, end.trial)) == dict.fromkeys(range(1, 6), WORLD)


def test_a_group_that_loses_a_rank_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "kill")
    settings = _settings(tmp_path)
    only = {"experiment": ("main",), "name": ("b",)}
    outcome = _run(settings, only=only, recipe="paper", replicates=1)
    assert (outcome.finished, outcome.failed_cells) == (True, {})
    (end,) = _events(settings, EndEvent)
    assert (settings.storage / "toy" / "trials" / end.trial / "killed").exists()
    reported = [report.step for report in _events(settings, ReportEvent)]
    # Steps of a few milliseconds: those just before the death are not heard until made again.
    assert reported == [1, 2, 3, 4, 5]
    steps = Counter(_steps(settings, end.trial))
    assert steps[1] == steps[4] == steps[5] == WORLD, "what was saved is not done again"


def test_a_group_that_cannot_be_set_up_leaves_its_places_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "sitecustomize.py").write_text(UNSTARTED_ONCE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'planted'}:{os.environ['PYTHONPATH']}")
    monkeypatch.setenv("UNSTARTED", str(tmp_path / "unstarted"))
    # There is room for one group only.
    settings = _settings(tmp_path, cpus_per_worker=0.45 * local_node()["CPU"])
    only = {"experiment": ("main",), "name": ("b",)}
    outcome = _run(settings, only=only, recipe="paper", replicates=1)
    assert (outcome.finished, outcome.failed_cells) == (True, {})
    assert (tmp_path / "unstarted").exists()
    assert [start.attempt for start in _events(settings, StartEvent)] == [0, 1]
    assert [report.step for report in _events(settings, ReportEvent)] == [1, 2, 3, 4, 5]
