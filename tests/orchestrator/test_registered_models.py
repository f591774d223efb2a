"""The models of completed cells in the registry: who, what goes along, once, and still right."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from fake_events import METRIC, T0, cell, new_store, place, session, trial, write
from mlflow import MlflowClient
from PIL import Image
from test_tracking_server import free_port, server, wait_until_it_answers

from orchestrator.events import CellEndEvent, Event
from orchestrator.models import registration
from orchestrator.models.card import short_card
from orchestrator.models.finding import find_model
from orchestrator.models.names import registered_name
from orchestrator.models.registration import ModelRegistry
from orchestrator.tracking.runs import Runs
from orchestrator.tracking.shipper import Shipper
from trainables import probe
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import load_split

NAME = "grafts.transfer.imagenet"
DATA = DataRef(name="uwaterloo_twin", limit=8)
PLACE = place("transfer", {"weights": "imagenet"}, published=0.81)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of one replicate that probed a small network."""
    root = tmp_path_factory.mktemp("trained")
    locations = Locations(data=root / "data", weights=root / "weights", store=root / "store")
    context = Context.local(root / "trial", locations, seed=3)
    config = probe.Config(
        backbone=BackboneRef(card="resnet50_twin", weights="random"), data=DATA, image_size_px=32
    )
    probe.run(config, context)
    return context.artifacts


@pytest.fixture
def study(tmp_path: Path, trained: Path) -> Path:
    """The folder of a study whose replicates all left that model."""
    folder = tmp_path / "grafts"
    for index in range(3):
        shutil.copytree(trained, folder / "trials" / f"c1-replicate-{index}" / "artifacts")
    return folder


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return new_store(tmp_path)


def events_of(values: list[float], *, places: list[dict[str, Any]] | None = None) -> list[Event]:
    """Return a cell whose replicates had these validation objectives, and its end."""
    planned = cell("c1", places or [PLACE], weights_kind="real")
    planned = dataclasses.replace(
        planned,
        data=[{**planned.data[0], "name": DATA.name}],
        weights=[{**planned.weights[0], "card": "efficientnet_lite0", "weights": "random"}],
    )
    events: list[Event] = [session(), planned]
    for index, value in enumerate(values):
        *before, end = trial(
            "c1", index, phase="replicate", t=T0 + 100 * index, metrics={METRIC: 1 - value}
        )
        artifacts = f"trials/c1-replicate-{index}/artifacts"
        events += [*before, dataclasses.replace(end, value=value, artifacts=artifacts)]
    return [*events, ended(len(values))]


def ended(n: int, t: int = T0 + 5000) -> CellEndEvent:
    ids = [f"c1-replicate-{k}" for k in range(n)]
    return CellEndEvent(t=t, cell="c1", state="complete", replicates=ids, chosen={"lr": 0.1})


def ship(folder: Path, uri: str, *, models: bool = True) -> Shipper:
    locations = Locations(data=folder / "data", weights=folder / "weights", store=folder / "store")
    one = Shipper(
        ledger_path=folder / "grafts" / "ledger.jsonl",
        tracking_uri=uri,
        study="grafts",
        state_path=folder / "state.json",
        models=ModelRegistry(study="grafts", locations=locations) if models else None,
    )
    while one.ship():
        pass
    return one


def versions(uri: str, name: str = NAME) -> list[Any]:
    found = MlflowClient(uri).search_model_versions(f"name = '{name}'")
    return sorted(found, key=lambda v: int(v.version))


def files_of(uri: str, version: Any) -> Path:
    source = MlflowClient(uri).get_model_version_download_uri(version.name, version.version)
    return Path(source.removeprefix("file://"))


def test_the_replicate_validation_found_best_is_the_champion(
    tmp_path: Path, study: Path, uri: str
) -> None:
    write(study / "ledger.jsonl", events_of([0.6, 0.9, 0.7]))
    assert ship(tmp_path, uri).refused == 0
    champion = MlflowClient(uri).get_model_version_by_alias(NAME, "champion")
    assert champion.tags["xenograft.trial"] == "c1-replicate-1"
    run = MlflowClient(uri).get_run(champion.run_id)
    assert run.info.run_name.startswith("replicate-1")


def test_when_less_is_better_the_smallest_wins(tmp_path: Path, study: Path, uri: str) -> None:
    events = events_of([0.6, 0.9, 0.7])
    events[1] = dataclasses.replace(events[1], objective={"metric": "val/loss", "mode": "min"})  # type: ignore[type-var]
    write(study / "ledger.jsonl", events)
    ship(tmp_path, uri)
    (version,) = versions(uri)
    assert version.tags["xenograft.trial"] == "c1-replicate-0"


def test_a_registered_model_predicts_alone_what_its_trial_did(
    tmp_path: Path, study: Path, uri: str, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    import pandas as pd

    write(study / "ledger.jsonl", events_of([0.6, 0.9]))
    ship(tmp_path, uri)
    shutil.rmtree(study)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    locations = Locations(data=tmp_path, weights=tmp_path, store=tmp_path / "twins")
    images = load_split(DATA, "test", locations)
    given = pd.DataFrame({"image": [png(images.image(k).numpy()) for k in range(len(images))]})
    found = model.predict(given)
    logits = pq.read_table(trained / "predictions.parquet")["logits"].to_pylist()
    assert tuple(found.columns) == images.classes
    expected = torch.tensor(logits).softmax(dim=1).numpy()
    assert found.to_numpy() == pytest.approx(expected, abs=1e-6)
    example = model.predict(model.input_example)
    assert example.to_numpy().sum() == pytest.approx(1)


def png(picture_chw: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture_chw.transpose(1, 2, 0).copy()).save(file, "PNG")
    return file.getvalue()


def test_every_place_of_a_cell_has_a_name_and_all_share_the_files(
    tmp_path: Path, study: Path, uri: str
) -> None:
    other = place("ablation", {"size": "224 px: all", "head": "linear"})
    write(study / "ledger.jsonl", events_of([0.5], places=[PLACE, other]))
    ship(tmp_path, uri)
    names = {model.name for model in MlflowClient(uri).search_registered_models()}
    assert names == {NAME, registered_name("grafts", "ablation", other["levels"])}
    sources = {versions(uri, name)[0].source for name in names}
    assert len(sources) == 1


def test_delivery_from_the_beginning_again_registers_nothing_twice(
    tmp_path: Path, study: Path, uri: str
) -> None:
    write(study / "ledger.jsonl", events_of([0.6, 0.9]))
    ship(tmp_path, uri)
    (before,) = versions(uri)
    (tmp_path / "state.json").unlink()
    ship(tmp_path, uri)
    (after,) = versions(uri)
    assert (after.version, after.creation_timestamp) == (before.version, before.creation_timestamp)


def test_a_cell_that_got_more_replicates_gets_a_new_version(
    tmp_path: Path, study: Path, uri: str
) -> None:
    three = events_of([0.6, 0.9, 0.95])
    two = [e for e in three if getattr(e, "trial", "") != "c1-replicate-2"]
    two[-1] = ended(2)
    write(study / "ledger.jsonl", two)
    ship(tmp_path, uri)
    more = [e for e in three if getattr(e, "trial", "") == "c1-replicate-2"]
    write(study / "ledger.jsonl", [*more, ended(3, T0 + 9000)])
    ship(tmp_path, uri)
    assert [v.tags["xenograft.trial"] for v in versions(uri)] == [
        "c1-replicate-1", "c1-replicate-2"
    ]  # fmt: skip
    client = MlflowClient(uri)
    assert client.get_model_version_by_alias(NAME, "champion").version == versions(uri)[1].version
    # Sent again from the beginning, the older completion does not take the alias back.
    (tmp_path / "state.json").unlink()
    ship(tmp_path, uri)
    assert len(versions(uri)) == 2
    assert client.get_model_version_by_alias(NAME, "champion").version == versions(uri)[1].version


class Crash(BaseException):
    """Stands for the death of the process: nothing catches it."""


def test_a_crash_at_any_call_leaves_one_version_and_the_alias(
    tmp_path: Path, study: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(study / "ledger.jsonl", events_of([0.6]))
    calls, crash_at = 0, 1
    steps = [(Runs, "upload")] + [
        (MlflowClient, name)
        for name in (
            "create_registered_model", "create_model_version", "set_registered_model_alias",
            "set_model_version_tag",
        )
    ]  # fmt: skip
    for owner, name in steps:
        real = getattr(owner, name)

        def crashing(*args: Any, _real: Any = real, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            result = _real(*args, **kwargs)
            if calls == crash_at:
                raise Crash
            return result

        monkeypatch.setattr(owner, name, crashing)
    while crash_at < 60:
        calls = 0
        try:
            ship(tmp_path, uri)
            break
        except Crash:
            crash_at += 1
    assert 8 < crash_at < 60
    (version,) = versions(uri)
    assert MlflowClient(uri).get_model_version_by_alias(NAME, "champion").version == version.version
    assert {"MLmodel", "README.md", "model.safetensors", "config.json"} <= {
        path.name for path in files_of(uri, version).iterdir()
    }


def test_what_a_twin_made_never_takes_the_name_of_a_real_model(
    tmp_path: Path, study: Path, uri: str
) -> None:
    events = events_of([0.6])
    events[0] = dataclasses.replace(events[0], selection={"twin": True})  # type: ignore[type-var]
    write(study / "ledger.jsonl", events)
    ship(tmp_path, uri)
    (model,) = MlflowClient(uri).search_registered_models()
    assert model.name == f"{NAME}.twin"


@pytest.mark.parametrize("why", ["smoke", "off", "failed", "no model"])
def test_nothing_is_registered_where_there_is_nothing_worth_it(
    why: str, tmp_path: Path, study: Path, uri: str
) -> None:
    events = events_of([0.6])
    if why == "smoke":
        events[0] = dataclasses.replace(events[0], selection={"smoke": True})  # type: ignore[type-var]
    elif why == "failed":
        events[-1] = dataclasses.replace(ended(1), state="failed", reason="disk full")
    elif why == "no model":
        shutil.rmtree(study / "trials")
    write(study / "ledger.jsonl", events)
    assert ship(tmp_path, uri, models=why != "off").refused == 0
    assert MlflowClient(uri).search_registered_models() == []


def test_a_damaged_model_is_counted_and_holds_up_nothing(
    tmp_path: Path, study: Path, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    (study / "trials" / "c1-replicate-0" / "artifacts" / "config.json").write_text("{")
    write(study / "ledger.jsonl", [*events_of([0.6]), *trial("c1", 0, t=T0 + 9000)])
    one = ship(tmp_path, uri)
    # Once as an artifact of the trial, once as a model.
    assert one.refused == 2
    assert "does not describe a model" in caplog.text
    client = MlflowClient(uri)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert any(run.info.run_name.startswith("search-000") for run in runs)


def test_the_card_says_how_good_on_what_from_where_and_what_it_is_not_for(
    tmp_path: Path, study: Path, uri: str
) -> None:
    write(study / "ledger.jsonl", events_of([0.6, 0.9, 0.7]))
    ship(tmp_path, uri)
    (version,) = versions(uri)
    card = (files_of(uri, version) / "README.md").read_text()
    # 1 - 0.6, 1 - 0.9, 1 - 0.7: mean 0.2667, sd 0.1528, t(2) 4.303.
    assert "| test/accuracy | 0.267 | -0.113 to 0.646 | 3 | 0.1 |" in card
    assert "Not for clinical use" in card
    assert "replicate 1, the one with the best `val/accuracy` (0.9)" in card
    assert "data `uwaterloo_twin` | synthetic | generated by Xenograft" in card
    assert "abc1234" in card
    assert "squash to 32 x 32 px" in card
    assert version.description == short_card(card, 5000)
    facts = json.loads((files_of(uri, version) / "xenograft.json").read_text())
    assert facts["config"]["optimizer.lr"] == 0.1
    assert facts["inputs"]["classes"] == ["melanoma", "not melanoma"]


@pytest.mark.parametrize(
    ("values", "reason"), [([0.6], "one seed"), ([0.6, 0.6], "seeds are equal")]
)
def test_a_card_says_why_there_is_no_interval(
    values: list[float], reason: str, tmp_path: Path, study: Path, uri: str
) -> None:
    write(study / "ledger.jsonl", events_of(values))
    ship(tmp_path, uri)
    (version,) = versions(uri)
    assert (
        f"| test/accuracy | 0.400 | none: {reason} | {len(values)} | 0.4 |" in version.description
    )


def test_a_long_card_is_cut_between_lines_in_the_registry() -> None:
    card = "# Name\n\n" + "a line of words\n" * 400
    short = short_card(card, 1000)
    assert len(short) <= 1000
    assert short.startswith("# Name\n\na line of words\n")
    assert "\na line of words\n\nThe whole card" in short
    assert short_card("# Short\n", 1000) == "# Short\n"


def test_names_are_readable_allowed_and_distinct() -> None:
    assert registered_name("demo", "transfer", {"w": "imagenet", "m": "knn"}) == (
        "demo.transfer.imagenet.knn"
    )
    odd = [registered_name("demo", "t", {"n": level}) for level in ("a/b", "a:b", "a b", "x" * 300)]
    assert len(set(odd)) == 4
    assert all(len(name) < 220 and not set("/:") & set(name) for name in odd)


def test_files_are_stored_once_per_completion(
    tmp_path: Path, study: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(study / "ledger.jsonl", events_of([0.6]))
    ship(tmp_path, uri)
    monkeypatch.setattr(registration, "package_files", lambda *_: pytest.fail("packed again"))
    (tmp_path / "state.json").unlink()
    assert ship(tmp_path, uri).refused == 0


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(400)
def test_mlflow_serves_what_was_registered_over_http(
    tmp_path: Path, study: Path, uri: str, trained: Path
) -> None:
    write(study / "ledger.jsonl", events_of([0.6]))
    ship(tmp_path, uri)
    shutil.rmtree(study)
    locations = Locations(data=tmp_path, weights=tmp_path, store=tmp_path / "twins")
    picture = png(load_split(DATA, "test", locations).image(0).numpy())
    asked = {"columns": ["image"], "data": [[base64.b64encode(picture).decode()]]}
    with served(uri, tmp_path) as address:
        (answer,) = posted(address, {"dataframe_split": asked})["predictions"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            posted(address, {"dataframe_split": {**asked, "data": [["bm8gcGljdHVyZQ=="]]}})
        reason = refused.value.read()
    logits = pq.read_table(trained / "predictions.parquet")["logits"].to_pylist()[0]
    assert list(answer.values()) == pytest.approx(
        torch.tensor(logits).softmax(0).tolist(), abs=1e-6
    )
    assert b"no picture of a kind that is read" in reason


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(400)
def test_a_model_goes_through_a_server_whole(
    tmp_path: Path, study: Path, uri: str, trained: Path
) -> None:
    write(study / "ledger.jsonl", events_of([0.6]))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with server(uri, port, tmp_path):
        wait_until_it_answers(port)
        assert ship(tmp_path, address).refused == 0
        with find_model(NAME, address) as folder:
            assert folder.is_dir()
            for name in ("model.safetensors", "config.json"):
                assert (folder / name).read_bytes() == (trained / name).read_bytes()
    assert not folder.exists()


def posted(address: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/invocations", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


@contextmanager
def served(uri: str, folder: Path) -> Iterator[str]:
    """``mlflow models serve`` in a process group of its own, killed at the end of the block."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{NAME}@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "PATH": programs}
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until_it_answers(port, limit_s=240)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
