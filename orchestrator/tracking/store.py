"""Where MLflow keeps what it is told: accepted addresses, first use, the study's experiment."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestrator.tracking.names import experiment_name
from trainables.errors import TrackingError

_ACCEPTED = (
    "Use sqlite:////abs/path.db for one machine, http(s)://host:port for an MLflow server, or "
    "postgresql://user@host/database."
)
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A dead server must cost seconds, not minutes: what could not be sent is replayed anyway.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
# The UI then opens an experiment with runs to compare, not with traces of language models.
_KIND = {"mlflow.experimentKind": "custom_model_development"}


def check_uri(tracking_uri: str) -> None:
    """Refuse an address that tracking cannot use.

    Raises:
        TrackingError: unknown scheme, a ``file:`` store, or a relative sqlite path.
    """
    shown = f"tracking store '{hide_password(tracking_uri)}'"
    try:
        scheme = urlsplit(tracking_uri).scheme
    except ValueError as error:
        raise TrackingError(f"{shown}: {error}. {_ACCEPTED}") from None
    if scheme in {"http", "https"} or scheme.split("+")[0] == "postgresql":
        return
    if scheme == "sqlite":
        if not tracking_uri.startswith("sqlite:////"):
            raise TrackingError(
                f"{shown} has a relative path, which would be another "
                f"file in every working directory. {_ACCEPTED}"
            )
        return
    if scheme in {"", "file"}:
        raise TrackingError(f"{shown} is a folder, which MLflow no longer supports. {_ACCEPTED}")
    raise TrackingError(f"{shown}: unknown scheme '{scheme}'. {_ACCEPTED}")


def init_store(tracking_uri: str) -> None:
    """Make a new database store ready, once, before anything else uses it.

    Processes that open a new store at the same time break it for good, so this takes a lock beside
    a sqlite file and runs in the driver before there are workers. A server is not contacted: it
    prepared its own store, and a study may begin while it is down.

    Raises:
        TrackingError: the address is not accepted, or the database cannot be opened.
    """
    check_uri(tracking_uri)
    if tracking_uri.startswith("http"):
        return
    from filelock import FileLock

    path = sqlite_path(tracking_uri)
    try:
        if path is None:
            connect(tracking_uri).search_experiments(max_results=1)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            connect(tracking_uri).search_experiments(max_results=1)
    except OSError as error:
        raise TrackingError(f"cannot make the tracking store {path}: {error.strerror}") from error
    except mlflow_error() as error:
        raise TrackingError(
            f"cannot open the tracking store {hide_password(tracking_uri)}: {error}"
        ) from error


def connect(tracking_uri: str) -> Any:
    """Return an ``MlflowClient``, with telemetry off and short waits, importing MLflow now.

    Raises:
        TrackingError: the file or database at the address is not one MLflow can use.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from sqlalchemy.exc import SQLAlchemyError

    try:
        # Models go where runs go, whatever the environment says of a registry.
        address = _without_login(tracking_uri)
        return MlflowClient(tracking_uri=address, registry_uri=address)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise TrackingError(
            f"cannot open the tracking store {hide_password(tracking_uri)}: {cause}"
        ) from error


def _without_login(tracking_uri: str) -> str:
    """Take name and password out of a server's address, to where MLflow looks for them too.

    It puts the address into its errors, and so into logs.
    """
    parts = urlsplit(tracking_uri)
    if not parts.scheme.startswith("http") or "@" not in parts.netloc:
        return tracking_uri
    os.environ.setdefault("MLFLOW_TRACKING_USERNAME", unquote(parts.username or ""))
    os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", unquote(parts.password or ""))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def mlflow_error() -> type[Exception]:
    """Return ``MlflowException``, whose import is too slow for module level."""
    from mlflow.exceptions import MlflowException

    error: type[Exception] = MlflowException
    return error


def sqlite_path(tracking_uri: str) -> Path | None:
    """Return the file of a sqlite store, None for any other store."""
    if not tracking_uri.startswith("sqlite:"):
        return None
    return Path("/" + tracking_uri.removeprefix("sqlite:").lstrip("/"))


def hide_password(tracking_uri: str) -> str:
    """Return the address without its passwords, for messages; it need not be a valid one."""
    # To the last @, because a password that was not quoted may hold one.
    shown = re.sub(r"(://[^/:@]*:).*@", r"\1***@", tracking_uri)
    return re.sub(r"(password=)[^&]*", r"\1***", shown, flags=re.IGNORECASE)


def open_experiment(client: Any, study: str, artifacts: Path | None) -> Any:
    """Return the study's MLflow experiment, made if there is none.

    Args:
        artifacts: folder for the artifacts of a new experiment; None leaves it to the server.

    Raises:
        TrackingError: the experiment was deleted in MLflow.
    """
    name = experiment_name(study)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = None if artifacts is None else artifacts.as_uri()
        return client.get_experiment(client.create_experiment(name, location, _KIND))
    if experiment.lifecycle_stage != "active":
        raise TrackingError(
            f"MLflow experiment '{name}' was deleted; restore it with "
            f'"mlflow experiments restore --experiment-id {experiment.experiment_id}"'
        )
    return experiment
