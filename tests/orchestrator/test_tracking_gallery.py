"""Pictures of a trial in the tracking store: all of them or none that a report would look for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_events import T0, cell, new_store, place, session, trial, write
from mlflow import MlflowClient

from orchestrator.tracking import experiment_name, names
from orchestrator.tracking.runs import Runs
from orchestrator.tracking.shipper import Shipper

PICTURES = ("best_1.png", "worst_1.png")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return new_store(tmp_path)


def leave_gallery(tmp_path: Path, *files: str) -> None:
    """Put these files where the trial's artifacts are, and tell of its end in the ledger."""
    gallery = tmp_path / "grafts" / "trials" / "a" / "gallery"
    gallery.mkdir(parents=True)
    for name in files:
        (gallery / name).write_text(f'"{name}"')
    events = [session(), cell("c1", [place("transfer", {"weights": "imagenet"})])]
    events += trial("c1", 0, phase="replicate", t=T0 + 10, artifacts="trials/a")
    write(tmp_path / "grafts" / "ledger.jsonl", events)


def ship(tmp_path: Path, uri: str) -> Shipper:
    one = Shipper(
        ledger_path=tmp_path / "grafts" / "ledger.jsonl",
        tracking_uri=uri,
        study="grafts",
        state_path=tmp_path / "state.json",
    )
    while one.ship():
        pass
    return one


def replicate(uri: str) -> Any:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(experiment_name("grafts"))
    found = client.search_runs([experiment.experiment_id])
    (run,) = [run for run in found if run.info.run_name.startswith("replicate-0")]
    return run


def stored(uri: str) -> list[str]:
    items = MlflowClient(uri).list_artifacts(replicate(uri).info.run_id, "gallery")
    return sorted(item.path for item in items)


def test_a_gallery_arrives_in_its_folder_and_the_run_says_so(tmp_path: Path, uri: str) -> None:
    leave_gallery(tmp_path, *PICTURES, "gallery.json", ".best_1-0a0b.png", "weights.safetensors")
    assert ship(tmp_path, uri).refused == 0
    assert stored(uri) == [f"gallery/{n}" for n in ("best_1.png", "gallery.json", "worst_1.png")]
    assert replicate(uri).data.tags[names.GALLERY] == "gallery"


def test_pictures_without_their_listing_are_no_gallery(tmp_path: Path, uri: str) -> None:
    leave_gallery(tmp_path, *PICTURES)
    ship(tmp_path, uri)
    assert stored(uri) == []
    assert names.GALLERY not in replicate(uri).data.tags


@pytest.mark.parametrize("crash_at", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_a_crash_among_the_pictures_leaves_one_of_each(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch, crash_at: int, after: bool
) -> None:
    leave_gallery(tmp_path, *PICTURES, "gallery.json")
    real, calls = Runs.upload, 0

    def crashing(self: Runs, *args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == crash_at and not after:
            raise KeyboardInterrupt
        real(self, *args)
        if calls == crash_at:
            raise KeyboardInterrupt

    monkeypatch.setattr(Runs, "upload", crashing)
    with pytest.raises(KeyboardInterrupt):
        ship(tmp_path, uri)
    assert names.GALLERY not in replicate(uri).data.tags
    monkeypatch.undo()
    ship(tmp_path, uri)
    assert stored(uri) == [f"gallery/{n}" for n in ("best_1.png", "gallery.json", "worst_1.png")]
    assert replicate(uri).data.tags[names.GALLERY] == "gallery"


def test_pictures_the_store_refuses_are_counted_and_not_promised(tmp_path: Path, uri: str) -> None:
    leave_gallery(tmp_path, *PICTURES, "gallery.json")
    (tmp_path / "mlflow_artifacts").write_text("a file where the folder should be")
    assert ship(tmp_path, uri).refused == 1
    assert names.GALLERY not in replicate(uri).data.tags
