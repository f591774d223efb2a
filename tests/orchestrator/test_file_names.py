"""Names of files and patients stay out of the tracking store unless the user says otherwise."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_events import cell, new_store, place, session, trial, write

from orchestrator.tracking import Tracker, names
from orchestrator.tracking.file_names import KEY_FILE, FileNames
from orchestrator.tracking.store import connect

NAMES = FileNames(b"k" * 32)


@pytest.mark.parametrize(
    ("text", "kept", "gone"),
    [
        ("/data/John Smith/eye 1.jpeg: cannot be read", ": cannot be read", "Smith"),
        ("its mask masks/p1_left.png is missing", " is missing", "p1_left"),
        ("manifest row 3: 'train/patient7.DCM' has changed", "manifest row 3: '", "patient7"),
        ("a.png and b.png differ", " and ", "a.png"),
    ],
)
def test_messages_keep_their_words_and_lose_their_files(text: str, kept: str, gone: str) -> None:
    told = NAMES.text(text)
    assert kept in told
    assert gone not in told
    assert FileNames(None).text(text) == text


def test_a_traceback_keeps_the_names_of_programs() -> None:
    text = 'File "/opt/xenograft/trainables/probe.py", line 7, in run\nValueError: 3'
    assert NAMES.text(text) == text


def test_a_name_has_one_hash_per_storage_and_another_elsewhere(tmp_path: Path) -> None:
    here, again = FileNames.of_storage(tmp_path), FileNames.of_storage(tmp_path)
    other = FileNames.of_storage(tmp_path / "other")
    assert here.name("patient7") == again.name("patient7")
    assert here.name("patient7") != here.name("patient8")
    assert here.name("patient7") != other.name("patient7")
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_artifacts_keep_their_numbers_and_lose_their_names(tmp_path: Path) -> None:
    table = pa.table({"case": ["p1", "p2"], "dice": [0.5, 1.0], "class": ["a", "b"]})
    pq.write_table(table, tmp_path / "cases.parquet")
    with NAMES.file(tmp_path / "cases.parquet") as copy:
        told = pq.read_table(copy).to_pydict()
        assert copy.name == "cases.parquet"
    assert told == {
        "case": [NAMES.name("p1"), NAMES.name("p2")],
        "dice": [0.5, 1.0],
        "class": ["a", "b"],
    }
    listing = {"pictures": [{"case": "p1", "dice": 0.5}], "ids": ["p1"], "n": 3}
    (tmp_path / "gallery.json").write_text(json.dumps(listing))
    with NAMES.file(tmp_path / "gallery.json") as copy:
        hashed = NAMES.name("p1")
        assert json.loads(copy.read_text()) == {
            "pictures": [{"case": hashed, "dice": 0.5}],
            "ids": [hashed],
            "n": 3,
        }
    assert json.loads((tmp_path / "gallery.json").read_text()) == listing


@pytest.mark.parametrize("hash_names", [True, False])
def test_the_store_has_a_failures_file_only_when_asked(tmp_path: Path, hash_names: bool) -> None:
    error = "/data/patient7/eye.png: cannot be read"
    uri = new_store(tmp_path)
    path = tmp_path / "grafts" / "ledger.jsonl"
    told = trial("c1", 0, t=2, state="failed", steps=1, failure="data", error=error)
    write(path, [session(), cell("c1", [place("e", {"a": "b"})]), *told])
    tracker = Tracker(path, uri, "grafts", tmp_path / "state.json", 0.01, hash_names=hash_names)
    tracker.start()
    assert tracker.drain(60) == 0
    tracker.close()
    client = connect(uri)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    (said,) = [run.data.tags[names.ERROR] for run in runs if names.ERROR in run.data.tags]
    assert ("patient7" in said) != hash_names
    assert said.endswith(": cannot be read")


def test_a_damaged_artifact_is_refused_and_the_rest_arrives(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    path = tmp_path / "grafts" / "ledger.jsonl"
    artifacts = tmp_path / "grafts" / "trials" / "a" / "artifacts"
    artifacts.mkdir(parents=True)
    (artifacts / "cases.parquet").write_text("no table")
    told = trial("c1", 0, t=2)
    told[-1] = replace(told[-1], artifacts="trials/a/artifacts")
    write(path, [session(), cell("c1", [place("e", {"a": "b"})]), *told])
    tracker = Tracker(path, uri, "grafts", tmp_path / "state.json", 0.01)
    tracker.start()
    assert tracker.drain(60) == 0
    tracker.close()
    assert tracker.refused == 1
