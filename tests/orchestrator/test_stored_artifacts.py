"""Artifacts that the report reads back from the tracking store."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_events import T0, cell, new_store, place, session, trial, write

from orchestrator.events import CellEndEvent
from orchestrator.report import load_study_results
from orchestrator.report.results import StudyResults
from orchestrator.tracking.shipper import Shipper
from orchestrator.tracking.store import connect
from trainables.errors import TrackingError

SIMILARITY = {"layers": ["blocks.0", "blocks.1"], "kind": {"all": {"a-b": [[1.0]]}}}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """A study of one cell and one replicate whose JSON artifact is in a tracking store."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "made" / "artifacts").mkdir(parents=True)
    (folder / "made" / "artifacts" / "sim.json").write_text(json.dumps(SIMILARITY))
    table = pa.table({"id": ["a", "b"], "score": [0.5, 1.0]})
    pq.write_table(table, folder / "made" / "artifacts" / "cases.parquet")
    events = [session(study="made"), cell("c", [place("sim", {"model": "vit"})])]
    events += trial("c", 0, phase="replicate", t=T0 + 10, artifacts="artifacts")
    events.append(
        CellEndEvent(t=T0 + 99, cell="c", state="complete", replicates=["c-replicate-0"], chosen={})
    )
    uri = new_store(folder)
    path = write(folder / "made" / "ledger.jsonl", events)
    shipper = Shipper(
        ledger_path=path, tracking_uri=uri, study="made", state_path=folder / "state.json"
    )
    while shipper.ship():
        pass
    results = load_study_results(uri, "made")
    # Tracking refuses damaged files, so it came there otherwise.
    for name in ("torn.json", "torn.parquet"):
        connect(uri).log_text(results.cells[0].replicates[0].run_id, "{", name)
    return results


def test_artifacts_come_from_the_store(stored: StudyResults) -> None:
    run = stored.cells[0].replicates[0].run_id
    assert stored.read_json(run, "sim.json") == SIMILARITY
    assert stored.read_json(run, "none.json") is None


def test_an_artifact_that_is_not_json_is_named(stored: StudyResults) -> None:
    run = stored.cells[0].replicates[0].run_id
    with pytest.raises(TrackingError, match=rf"torn\.json of run {run}"):
        stored.read_json(run, "torn.json")


def test_tables_come_from_the_store(stored: StudyResults) -> None:
    run = stored.cells[0].replicates[0].run_id
    assert stored.read_table(run, "cases.parquet")["score"].to_pylist() == [0.5, 1.0]
    assert stored.read_table(run, "none.parquet") is None
    with pytest.raises(TrackingError, match=rf"torn\.parquet of run {run}"):
        stored.read_table(run, "torn.parquet")
