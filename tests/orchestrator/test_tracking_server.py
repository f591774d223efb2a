"""A real MLflow server dies in the middle of a study and comes back."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_events import T0, cell, new_store, place, replicates, session, trial, write

from orchestrator.events import ReportEvent
from orchestrator.tracking import Tracker


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(uri: str, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An MLflow server in a process group of its own, killed at the end of the block."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_it_answers(port: int, limit_s: float = 90) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the MLflow server did not start")


@pytest.mark.integration
@pytest.mark.timeout(240)
def test_everything_arrives_once_and_in_order_after_the_server_was_killed(tmp_path: Path) -> None:
    uri, port = new_store(tmp_path), free_port()
    path = tmp_path / "grafts" / "ledger.jsonl"
    events = [session(), cell("c1", [place("transfer", {"weights": "imagenet"})])]
    for k in range(4):
        events += trial("c1", k, t=T0 + 100 * k, steps=10, keys=5)
    events += replicates("c1", [0.7, 0.8, 0.9], t=T0 + 1000)
    third = len(events) // 3
    tracker = Tracker(
        path, f"http://127.0.0.1:{port}", "grafts", tmp_path / "state.json", flush_s=0.05
    )
    with server(uri, port, tmp_path):
        wait_until_it_answers(port)
        write(path, events[:third])
        tracker.start()
        assert tracker.drain(60) == 0
        for event in events[third : third + 5]:  # so that death finds it at work
            write(path, [event])
            tracker.wake()
    write(path, events[third + 5 : 2 * third])
    tracker.wake()
    assert tracker.drain(3) > 0
    assert not tracker.healthy
    with server(uri, port, tmp_path):
        wait_until_it_answers(port)
        write(path, events[2 * third :])
        tracker.wake()
        assert tracker.drain(60) == 0
        assert tracker.healthy
    tracker.close()
    assert tracker.refused == 0

    expected = [
        (event.trial, key, event.step, event.t, value)
        for event in events
        if isinstance(event, ReportEvent)
        for key, value in event.metrics.items()
    ]
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        stored = connection.execute(
            "select t.value, m.key, m.step, m.timestamp, m.value from metrics m "
            "join tags t on t.run_uuid = m.run_uuid and t.key = 'xenograft.trial' "
            "where m.key like 'val/%' or m.key like 'train/%' order by m.rowid"
        ).fetchall()
        (runs,) = connection.execute("select count(*) from runs").fetchone()
    assert runs == 1 + 4 + 3
    assert sorted(stored) == sorted(expected)
    for name in {row[0] for row in expected}:
        steps = [row[2] for row in stored if row[:2] == (name, "val/accuracy")]
        assert steps == sorted(steps)
