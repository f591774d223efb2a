"""Passwords and tokens reach no message, no file of a study, and nothing that is tracked."""

from __future__ import annotations

import io
import logging
import os
import sys
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from local_executor import toy_plan
from rich.console import Console

import orchestrator.runner as runner
from orchestrator.cli import main
from orchestrator.report import load_study_results
from orchestrator.settings import resolve
from orchestrator.tracking import check_uri
from orchestrator.tracking.store import connect, hide_password, mlflow_error
from trainables.errors import TrackingError

SECRET = "sEcret42"
DEAD = f"http://me:{SECRET}@127.0.0.1:9"
TOKENS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "HF_TOKEN")


@pytest.mark.parametrize(
    "uri",
    [
        f"http://me:{SECRET}@host:5000/path",
        f"postgresql+psycopg2://me:{SECRET}@host/db?sslmode=require",
        f"postgresql://host/db?user=me&password={SECRET}&sslmode=require",
        f"mysql://me:{SECRET}@host/db",
        f"https://me:{SECRET}@[::1/broken",
        f"postgresql://me:half@{SECRET}@host/db",
        f"postgresql://me:half/{SECRET}@host/db",
    ],
)
def test_an_address_is_shown_without_its_password(uri: str) -> None:
    shown = hide_password(uri)
    assert SECRET not in shown
    assert "half" not in shown
    assert shown != uri


@pytest.mark.parametrize("host", ["mysql://me:{}@host/db", "https://me:{}@[::1/b"])
def test_an_address_that_is_refused_is_named_without_its_password(host: str) -> None:
    with pytest.raises(TrackingError) as caught:
        check_uri(host.format(SECRET))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("uri", ["sqlite:////a/b.db", "http://host:5000", "postgresql://me@h/db"])
def test_an_address_without_a_password_is_shown_as_it_is(uri: str) -> None:
    assert hide_password(uri) == uri


def _login_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget after the test what was taken out of an address."""
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_the_login_in_a_servers_address_is_sent_but_not_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization", ""))
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            pass

    _login_is_forgotten(monkeypatch)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        client = connect(f"http://me:p%40{SECRET}@127.0.0.1:{server.server_port}")
        with pytest.raises(mlflow_error()) as caught:
            client.get_experiment_by_name("any")
        server.shutdown()
    assert set(sent) == {"Basic " + b64encode(f"me:p@{SECRET}".encode()).decode()}
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("arguments", [["doctor", "env"], ["report", "demo"], ["predict", "demo"]])
def test_a_store_that_does_not_answer_is_named_without_its_password(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    _login_is_forgotten(monkeypatch)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    where = ["--tracking-uri", DEAD] if arguments[0] != "predict" else []
    monkeypatch.setenv("XENOGRAFT_TRACKING_URI", DEAD)
    monkeypatch.setattr(sys, "argv", ["xenograft", *arguments, *where])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err + caplog.text


@pytest.mark.integration
@pytest.mark.timeout(180)
@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("server", [False, True], ids=["sqlite", "server that is down"])
def test_a_run_writes_and_says_no_secret(
    server: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ray._private import worker

    secrets = {SECRET, os.environ["RAY_AUTH_TOKEN"]}
    _login_is_forgotten(monkeypatch)
    for name in TOKENS:
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(runner, "_DRAIN_S", 1.0)
    options = {"storage": tmp_path / "runs", **({"tracking_uri": DEAD} if server else {})}
    settings = resolve(options, {}, tmp_path).settings
    only = {"experiment": ("main",), "name": ("b",)}
    plan = toy_plan(settings.locations, only=only, recipe="paper", replicates=1)
    shown = io.StringIO()
    with caplog.at_level(logging.DEBUG):
        outcome = runner.run_plan(plan, settings, Console(file=shown))
    assert outcome.finished
    assert bool(outcome.undelivered) == server
    if not server:
        assert load_study_results(settings.tracking_uri, "toy").cells
    logs = Path(worker._global_node.get_logs_dir_path())
    written = [path for folder in (settings.storage, logs) for path in folder.rglob("*")]
    texts = {str(path): path.read_bytes() for path in written if path.is_file()}
    assert any(name.endswith("ledger.jsonl") for name in texts)
    texts |= {"console": shown.getvalue().encode(), "log": caplog.text.encode()}
    leaks = [name for name, text in texts.items() if any(s.encode() in text for s in secrets)]
    assert leaks == []
