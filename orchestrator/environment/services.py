"""What a run talks to: Ray, and the MLflow store."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from orchestrator.environment.check import Found
from orchestrator.resources import local_node, require_reachable, trial_slots
from orchestrator.settings import Settings
from orchestrator.tracking.store import check_uri, connect, hide_password, mlflow_error, sqlite_path
from trainables.errors import ResourceError, TrackingError

_REINSTALL = "install the pinned packages again (make install)"
_ANSWER_S = 5.0


def ray(settings: Settings) -> Found:
    """Check that Ray can be imported, that its cluster answers, and that a trial fits."""
    try:
        import ray as library
    except (ImportError, OSError) as error:
        return Found(state="fail", what=str(error), remedy=_REINSTALL)
    try:
        if settings.address:
            require_reachable(settings.address)
            return _cluster(settings, library.__version__)
        node = local_node()
        slots = trial_slots(settings, [node])
    except ResourceError as error:
        return Found(state="fail", what=library.__version__, remedy=str(error))
    here = f"{node['CPU']:g} CPUs and {node['GPU']:g} GPUs"
    return Found(
        state="ok", what=f"{library.__version__}; a local cluster of {here}, {slots} trials at once"
    )


def _cluster(settings: Settings, installed: str) -> Found:
    what = f"{installed}; something answers at {settings.address}"
    tokens = (os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("RAY_AUTH_TOKEN_PATH"))
    if not any(tokens) and not (Path.home() / ".ray" / "auth_token").exists():
        return Found(
            state="warn",
            what=f"{what}; there is no token",
            remedy="set RAY_AUTH_TOKEN to the cluster's",
        )
    return Found(state="ok", what=what)


def mlflow(settings: Settings) -> Found:
    """Open the tracking store, if it is there, and compare a server's version with ours."""
    uri, installed = settings.tracking_uri, version("mlflow")
    what = f"{installed}; {hide_password(uri)}"
    try:
        check_uri(uri)
        file = sqlite_path(uri)
        if file is not None and not file.exists():
            return Found(state="ok", what=f"{what} is made at the first run")
        connect(uri).search_experiments(max_results=1)
    except TrackingError as error:
        return Found(state="fail", what=what, remedy=str(error))
    except mlflow_error() as error:
        remedy = "start the server or name another store with --tracking-uri"
        reason = str(error).splitlines()[0]
        return Found(state="fail", what=f"{what}: {reason}", remedy=remedy)
    there = _server_version(uri)
    if there and there.split(".")[0] != installed.split(".")[0]:
        return Found(
            state="warn",
            what=f"{what} runs {there}",
            remedy=f"update the server to {installed}: the two may not understand each other",
        )
    return Found(state="ok", what=f"{what} answers")


def _server_version(uri: str) -> str:
    """Return a server's version; empty where it does not say, as behind a login."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.username is not None:
        return ""
    try:
        with urlopen(f"{uri.rstrip('/')}/version", timeout=_ANSWER_S) as answer:
            return str(answer.read(100).decode(errors="replace")).strip()
    except OSError:
        return ""
