"""Delivery of a ledger to a sqlite store: what arrives, and that it arrives exactly once."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from fake_events import METRIC, T0, cell, new_store, place, replicates, session, trial, write
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from orchestrator.events import Event, ReportEvent, StartEvent
from orchestrator.tracking import Tracker, experiment_name, init_store
from orchestrator.tracking.delivery import Delivery
from orchestrator.tracking.entities import own_config
from orchestrator.tracking.names import safe_name
from orchestrator.tracking.runs import Runs
from orchestrator.tracking.shipper import Shipper
from trainables.errors import TrackingError

PLACE = place("transfer", {"weights": "imagenet"}, published=0.81)


def story() -> list[Event]:
    """One cell: a finished, a pruned and a failed search trial, then three replicates."""
    events: list[Event] = [session(), cell("c1", [PLACE])]
    events += trial("c1", 0, t=T0 + 10)
    events += trial("c1", 1, t=T0 + 30, state="pruned", steps=2)
    events += trial("c1", 2, t=T0 + 50, state="failed", steps=1, failure="nan", error="loss is nan")
    return events + replicates("c1", [0.7, 0.8, 0.9], t=T0 + 100)


def shipper(folder: Path, uri: str) -> Shipper:
    return Shipper(
        ledger_path=folder / "grafts" / "ledger.jsonl",
        tracking_uri=uri,
        study="grafts",
        state_path=folder / "state.json",
    )


def ship_all(one: Shipper) -> None:
    while one.ship():
        pass


def runs_by_name(uri: str) -> dict[str, Any]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(experiment_name("grafts"))
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    names = [run.info.run_name for run in found]
    assert len(names) == len(set(names)), "a run was made twice"
    return {short(run.info.run_name): run for run in found}


def short(name: str) -> str:
    """Leave out of which cell a trial is."""
    return name.partition(": ")[0]


def rows(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "mlflow.db") as connection:
        query = "select r.name, m.key, m.step, m.timestamp, m.value from metrics m join runs r "
        found = connection.execute(query + "on r.run_uuid = m.run_uuid order by 1, 2, 3, 4")
        return [(short(name), *rest) for name, *rest in found]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return new_store(tmp_path)


@pytest.fixture
def delivered(tmp_path: Path, uri: str) -> dict[str, Any]:
    write(tmp_path / "grafts" / "ledger.jsonl", story())
    ship_all(shipper(tmp_path, uri))
    return runs_by_name(uri)


def test_each_cell_is_a_run_and_its_trials_are_children(delivered: dict[str, Any]) -> None:
    parent = delivered["imagenet (transfer)"]
    children = {name: run for name, run in delivered.items() if run is not parent}
    assert set(children) == {
        "search-000", "search-001", "search-002", "replicate-0", "replicate-1", "replicate-2"
    }  # fmt: skip
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {
        parent.info.run_id
    }


def test_trials_are_named_and_tagged_so_that_charts_tell_cells_apart(
    delivered: dict[str, Any],
) -> None:
    run = delivered["replicate-1"]
    assert run.info.run_name == "replicate-1: imagenet (transfer)"
    assert run.data.tags["xenograft.level.weights"] == "imagenet"


def test_the_parameters_of_a_trial_are_those_that_were_searched(
    delivered: dict[str, Any],
) -> None:
    assert delivered["search-000"].data.params == {"optimizer.lr": "0.1"}
    assert delivered["replicate-0"].data.params == {}


def test_what_a_trial_sets_otherwise_than_its_cell_is_a_parameter_of_its_own() -> None:
    common = cell("c1", [PLACE])
    (start, *_) = trial("c1", 0, phase="replicate", t=T0, lr=0.3)
    assert isinstance(start, StartEvent)
    assert own_config(start, common) == {"optimizer.lr": 0.3}
    assert own_config(start, None) == {"optimizer.lr": 0.3, "data.name": "fundus"}


def test_the_parent_run_says_what_the_cell_is(delivered: dict[str, Any]) -> None:
    run = delivered["imagenet (transfer)"]
    tags = run.data.tags
    places = [json.loads(v) for k, v in tags.items() if k.startswith("xenograft.place.")]
    assert places == [PLACE]
    assert tags["xenograft.level.weights"] == "imagenet"
    assert tags["xenograft.data_kinds"] == "synthetic"
    assert json.loads(tags["xenograft.data.fundus"])["digest"] == "d" * 64
    assert tags["xenograft.provenance.code"] == "abc1234"
    assert run.data.params == {
        "optimizer.lr": "0.1", "data.name": "fundus", "sizes": "[1,2]", "note": ""
    }  # fmt: skip
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("fundus", "d" * 32)
    assert given.tags[0].value == "synthetic"


def test_a_trial_ends_as_what_happened_to_it(delivered: dict[str, Any]) -> None:
    assert delivered["search-000"].info.status == "FINISHED"
    pruned, failed = delivered["search-001"], delivered["search-002"]
    assert (pruned.info.status, pruned.data.tags["xenograft.state"]) == ("KILLED", "pruned")
    assert failed.info.status == "FAILED"
    assert failed.data.tags["xenograft.failure"] == "nan"
    assert failed.data.tags["xenograft.error"] == "loss is nan"
    assert "objective" not in failed.data.metrics
    assert pruned.info.start_time == T0 + 30
    assert pruned.info.end_time == T0 + 33


def test_reports_arrive_with_step_and_time(tmp_path: Path, delivered: dict[str, Any]) -> None:
    assert delivered
    got = [row for row in rows(tmp_path) if row[:2] == ("search-000", "val/accuracy")]
    expected = [(s, T0 + 10 + s, 1 - 0.5 * math.exp(-0.1 * s)) for s in (1, 2, 3)]
    assert [row[2:] for row in got] == expected


def test_the_parent_gets_the_mean_of_what_replicates_returned(delivered: dict[str, Any]) -> None:
    metrics = delivered["imagenet (transfer)"].data.metrics
    assert metrics[METRIC] == pytest.approx((0.7 + 0.8 + 0.9) / 3)
    assert metrics["test/auc"] == pytest.approx((0.7 + 0.8 + 0.9) / 6)
    assert metrics["n"] == 3


def test_delivery_from_the_beginning_again_changes_nothing(tmp_path: Path, uri: str) -> None:
    write(tmp_path / "grafts" / "ledger.jsonl", story())
    ship_all(shipper(tmp_path, uri))
    before = (rows(tmp_path), sorted(runs_by_name(uri)))
    (tmp_path / "state.json").unlink()
    ship_all(shipper(tmp_path, uri))
    assert (rows(tmp_path), sorted(runs_by_name(uri))) == before


class Crash(BaseException):
    """Stands for the death of the process: nothing catches it."""


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_a_crash_at_any_call_leaves_no_trace(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    events = [session(), cell("c1", [PLACE]), *trial("c1", 0, t=T0 + 10)]
    events += replicates("c1", [0.7, 0.8], t=T0 + 100)
    write(tmp_path / "grafts" / "ledger.jsonl", events)
    calls = 0
    crash_at = 1
    for name in ("make", "log", "end", "add_inputs"):
        real = getattr(Runs, name)

        def crashing(self: Runs, *args: Any, _real: Any = real, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == crash_at and not after:
                raise Crash
            result = _real(self, *args, **kwargs)
            if calls == crash_at:
                raise Crash
            return result

        monkeypatch.setattr(Runs, name, crashing)
    while crash_at < 40:
        calls = 0
        try:
            ship_all(shipper(tmp_path, uri))
            break
        except Crash:
            crash_at += 1
    runs = runs_by_name(uri)
    assert 12 < crash_at < 40
    assert sorted(runs) == ["imagenet (transfer)", "replicate-0", "replicate-1", "search-000"]
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    reports = [row for row in rows(tmp_path) if row[1] == "train/loss_0"]
    assert len(reports) == len(set(reports)) == 3 * 3
    assert runs["imagenet (transfer)"].data.metrics[METRIC] == pytest.approx(0.75)


def test_a_trial_started_again_goes_on_in_its_run(tmp_path: Path, uri: str) -> None:
    path = tmp_path / "grafts" / "ledger.jsonl"
    first = trial("c1", 0, t=T0 + 10, state="failed", failure="infrastructure")
    write(path, [session(), cell("c1", [PLACE]), *first])
    ship_all(shipper(tmp_path, uri))
    start = first[0]
    assert isinstance(start, StartEvent)
    again = StartEvent(**{**start.__dict__, "t": T0 + 50, "attempt": 1})
    report = ReportEvent(t=T0 + 51, trial=start.trial, step=4, metrics={"val/accuracy": 0.9})
    write(path, [again, report])
    ship_all(shipper(tmp_path, uri))
    run = runs_by_name(uri)["search-000"]
    assert run.info.status == "RUNNING"
    assert run.data.tags["xenograft.attempt"] == "1"
    steps = [row[2] for row in rows(tmp_path) if row[1] == "val/accuracy"]
    assert steps == [1, 2, 3, 4]


def test_a_cell_that_gets_more_replicates_runs_again_and_ends_anew(
    tmp_path: Path, uri: str
) -> None:
    path = tmp_path / "grafts" / "ledger.jsonl"
    write(path, story())
    ship_all(shipper(tmp_path, uri))
    write(path, trial("c1", 3, phase="replicate", t=T0 + 900, metrics={METRIC: 0.5})[:2])
    ship_all(shipper(tmp_path, uri))
    assert runs_by_name(uri)["imagenet (transfer)"].info.status == "RUNNING"


def test_a_cell_planned_again_keeps_its_places(tmp_path: Path, uri: str) -> None:
    other = place("ablation", {"size": "small"})
    path = tmp_path / "grafts" / "ledger.jsonl"
    write(path, [session(), cell("c1", [PLACE]), cell("c1", [other], t=T0 + 5)])
    ship_all(shipper(tmp_path, uri))
    tags = runs_by_name(uri)["imagenet (transfer)"].data.tags
    places = [json.loads(v) for k, v in tags.items() if k.startswith("xenograft.place.")]
    assert {p["experiment"] for p in places} == {"transfer", "ablation"}


def test_values_that_are_no_numbers_and_odd_names_arrive(tmp_path: Path, uri: str) -> None:
    events = [session(), cell("c1", [PLACE]), trial("c1", 0, t=T0 + 10)[0]]
    odd = {"val/recall[Mélanome]": 0.5, "val/loss": math.nan, "val/perplexity": math.inf}
    events.append(ReportEvent(t=T0 + 11, trial="c1-search-0", step=1, metrics=odd))
    write(tmp_path / "grafts" / "ledger.jsonl", events)
    one = shipper(tmp_path, uri)
    ship_all(one)
    metrics = runs_by_name(uri)["search-000"].data.metrics
    assert one.refused == 0
    assert metrics["val/recall_M_lanome_"] == 0.5
    assert math.isnan(metrics["val/loss"])
    assert metrics["val/perplexity"] > 1e308


def test_long_names_stay_distinct() -> None:
    a, b = safe_name("x" * 300 + "a"), safe_name("x" * 300 + "b")
    assert len(a) <= 250
    assert a != b


def test_what_the_store_refuses_is_counted_and_passed_over(tmp_path: Path, uri: str) -> None:
    events = [session(), cell("c1", [PLACE]), *trial("c1", 0, t=T0 + 10)]
    stray = ReportEvent(t=T0 + 90, trial="nobody", step=1, metrics={"val/accuracy": 0.1})
    write(tmp_path / "grafts" / "ledger.jsonl", [*events, stray, *trial("c1", 1, t=T0 + 99)])
    one = shipper(tmp_path, uri)
    ship_all(one)
    assert one.refused == 1
    assert "search-001" in runs_by_name(uri)


def test_small_artifacts_are_uploaded_and_weights_are_not(tmp_path: Path, uri: str) -> None:
    folder = tmp_path / "grafts" / "trials" / "a"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "big.json").write_bytes(b" " * 5 * 1024**2)
    events = [session(), cell("c1", [PLACE])]
    events += trial("c1", 0, phase="replicate", t=T0 + 10, artifacts="trials/a")
    write(tmp_path / "grafts" / "ledger.jsonl", events)
    ship_all(shipper(tmp_path, uri))
    run = runs_by_name(uri)["replicate-0"]
    names = [f.path for f in MlflowClient(uri).list_artifacts(run.info.run_id)]
    assert names == ["config.json"]
    assert run.info.artifact_uri.startswith((tmp_path / "mlflow_artifacts").as_uri())


def test_a_file_that_cannot_be_stored_holds_up_nothing(tmp_path: Path, uri: str) -> None:
    folder = tmp_path / "grafts" / "trials" / "a"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (tmp_path / "mlflow_artifacts").write_text("a file where the folder should be")
    events = [session(), cell("c1", [PLACE])]
    events += trial("c1", 0, phase="replicate", t=T0 + 10, artifacts="trials/a")
    write(tmp_path / "grafts" / "ledger.jsonl", [*events, *trial("c1", 1, t=T0 + 50)])
    one = shipper(tmp_path, uri)
    ship_all(one)
    assert one.refused == 1
    assert {run.info.status for run in runs_by_name(uri).values()} == {"RUNNING", "FINISHED"}


def test_another_store_gets_everything_from_the_beginning(tmp_path: Path, uri: str) -> None:
    write(tmp_path / "grafts" / "ledger.jsonl", story())
    ship_all(shipper(tmp_path, uri))
    other = tmp_path / "other"
    other.mkdir()
    ship_all(shipper(tmp_path, new_store(other)))
    assert rows(other) == rows(tmp_path)


def test_a_store_made_anew_at_the_same_address_gets_everything(tmp_path: Path, uri: str) -> None:
    path = write(tmp_path / "grafts" / "ledger.jsonl", story())
    ship_all(shipper(tmp_path, uri))
    anew = tmp_path / "anew"
    anew.mkdir()
    other = new_store(anew)
    # MLflow keeps a deleted file open within one process, so the state is moved instead.
    state = json.loads((tmp_path / "state.json").read_text())
    address = hashlib.sha256(other.encode()).hexdigest()[:16]
    state["target"] = "/".join([address, *state["target"].split("/")[1:]])
    (tmp_path / "state.json").write_text(json.dumps(state))
    tracker = Tracker(path, other, "grafts", tmp_path / "state.json", flush_s=0.01)
    assert tracker.undelivered == 0
    tracker.start()
    assert tracker.drain(30) == 0
    tracker.close()
    assert rows(anew) == rows(tmp_path)


def test_a_store_that_fails_for_a_while_costs_nothing(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "grafts" / "ledger.jsonl", story())
    real = Runs.log
    failures = iter([True, True, False, True])

    def failing(self: Runs, *args: Any, **kwargs: Any) -> None:
        if next(failures, False):
            raise MlflowException("no connection")
        real(self, *args, **kwargs)

    monkeypatch.setattr(Runs, "log", failing)
    monkeypatch.setattr("orchestrator.tracking.tracker._FIRST_RETRY_S", 0.01)
    tracker = Tracker(
        tmp_path / "grafts" / "ledger.jsonl", uri, "grafts", tmp_path / "state.json", flush_s=0.01
    )
    assert tracker.undelivered == len(story())
    tracker.start()
    assert tracker.drain(30) == 0
    assert tracker.healthy
    tracker.close()
    assert len(runs_by_name(uri)) == 7


def test_a_slow_store_is_waited_for_as_long_as_it_takes_something(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "grafts" / "ledger.jsonl", story())
    real = Delivery.deliver

    def slow(self: Delivery, *args: Any) -> None:
        time.sleep(0.2)
        real(self, *args)

    monkeypatch.setattr(Delivery, "deliver", slow)
    tracker = Tracker(path, uri, "grafts", tmp_path / "state.json", flush_s=0.01)
    tracker.start()
    assert len(story()) * 0.2 > 2 * 1.5
    assert tracker.drain(1.5) == 0
    tracker.close()


def test_a_store_that_takes_the_same_again_and_again_is_not_waited_for(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "grafts" / "ledger.jsonl", story())

    def failing(*_args: Any, **_kwargs: Any) -> None:
        raise MlflowException("no room for values")

    monkeypatch.setattr(Runs, "log", failing)
    monkeypatch.setattr("orchestrator.tracking.tracker._FIRST_RETRY_S", 0.01)
    tracker = Tracker(path, uri, "grafts", tmp_path / "state.json", flush_s=0.01)
    tracker.start()
    assert tracker.drain(1.5) == len(story())
    tracker.close()


def test_an_unreachable_store_is_reported_and_holds_up_nobody(tmp_path: Path) -> None:
    path = write(tmp_path / "grafts" / "ledger.jsonl", story())
    tracker = Tracker(path, "http://127.0.0.1:9", "grafts", tmp_path / "state.json", flush_s=0.01)
    tracker.start()
    tracker.wake()
    assert tracker.drain(2.5) == len(story())
    assert not tracker.healthy
    assert "127.0.0.1" in tracker.last_error
    tracker.close()


def test_events_appended_while_it_runs_are_shipped_within_the_flush_time(
    tmp_path: Path, uri: str
) -> None:
    path = write(tmp_path / "grafts" / "ledger.jsonl", [session(), cell("c1", [PLACE])])
    tracker = Tracker(path, uri, "grafts", tmp_path / "state.json", flush_s=0.05)
    tracker.start()
    assert tracker.drain(30) == 0
    write(path, trial("c1", 0, t=T0 + 10))
    tracker.wake()
    for _ in range(200):
        if tracker.undelivered == 0:
            break
        tracker._thread.join(0.05)
    tracker.close()
    assert "search-000" in runs_by_name(uri)


@pytest.mark.parametrize(
    "address",
    ["file:///tmp/mlruns", "./mlruns", "mysql://host/db", "sqlite:///relative.db", "databricks"],
)
def test_addresses_that_cannot_work_are_refused_with_what_to_use(address: str) -> None:
    with pytest.raises(TrackingError, match=r"sqlite:////abs/path\.db"):
        init_store(address)


def test_a_store_where_no_file_can_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(TrackingError, match="cannot make the tracking store"):
        init_store(f"sqlite:///{tmp_path / 'taken' / 'mlflow.db'}")


def test_a_damaged_state_file_says_what_to_do(tmp_path: Path, uri: str) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(TrackingError, match="Delete it"):
        shipper(tmp_path, uri)
