"""From what a user calls a model to the folder of its files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestrator.models.names import CHAMPION
from orchestrator.tracking import check_uri
from orchestrator.tracking.store import connect, hide_password, mlflow_error, sqlite_path
from trainables.errors import SelectionError, TrackingError, did_you_mean

_ADDRESS = re.compile(
    r"(?:models:/)?(?P<name>[^/@:]+)(?:@(?P<alias>[^/@:]+)|/(?P<version>\d+))?",
)
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_UNKNOWN_ALIAS = "INVALID_PARAMETER_VALUE"
_MOST_NAMES = 1000


@contextmanager
def find_model(address: str, tracking_uri: str) -> Iterator[Path]:
    """Give the folder of a model until the block ends; what had to be fetched is then deleted.

    Args:
        address: a folder, a registered name (its champion), ``NAME@ALIAS``, ``NAME/VERSION``, or
            either with ``models:/`` before it.

    Raises:
        SelectionError: there is no such model.
        TrackingError: the store cannot be read.
    """
    if Path(address).is_dir():
        yield Path(address)
        return
    source = _source(address, tracking_uri)
    parts = urlsplit(source)
    if parts.scheme in ("", "file"):
        folder = Path(unquote(parts.path))
        if not folder.is_dir():
            raise TrackingError(f"the files of model '{address}' are no longer at {folder}")
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="xenograft-") as fetched:
        yield _fetched(source, tracking_uri, fetched)


def _source(address: str, tracking_uri: str) -> str:
    """Return where the store keeps the files of a version."""
    check_uri(tracking_uri)
    shown = hide_password(tracking_uri)
    path = sqlite_path(tracking_uri)
    if path is not None and not path.is_file():
        raise TrackingError(
            f"there is no tracking store {shown} with a model '{address}': name a folder, or "
            "another store with --tracking-uri"
        )
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise SelectionError(
            f"'{address}' is neither a folder nor a model: write NAME, NAME@ALIAS or NAME/VERSION"
        )
    client = connect(tracking_uri)
    try:
        version = _version(client, found)
        source: str = client.get_model_version_download_uri(version.name, version.version)
    except mlflow_error() as error:
        code = getattr(error, "error_code", "")
        if code not in (_ABSENT, _UNKNOWN_ALIAS):
            raise TrackingError(f"cannot read the tracking store {shown}: {error}") from error
        raise _unknown(client, found, shown) from None
    return source


def _version(client: Any, found: re.Match[str]) -> Any:
    if found["version"] is not None:
        return client.get_model_version(found["name"], found["version"])
    return client.get_model_version_by_alias(found["name"], found["alias"] or CHAMPION)


def _unknown(client: Any, found: re.Match[str], store: str) -> SelectionError:
    """Return what to say about a model the store does not have."""
    known = {m.name: m for m in client.search_registered_models(max_results=_MOST_NAMES)}
    name = found["name"]
    if name in known:
        versions = client.search_model_versions(f"name = '{name}'")
        numbers = ", ".join(map(str, sorted(int(v.version) for v in versions)))
        aliases = ", ".join(sorted(known[name].aliases)) or "none"
        return SelectionError(
            f"model '{name}' has no such version. Versions: {numbers}. Aliases: {aliases}."
        )
    if not known:
        return SelectionError(
            f"the store {store} has no model '{name}', and no other: models are registered when "
            "all replicates of a cell are complete, those of smoke runs never"
        )
    return SelectionError(f"the store {store} has no model '{name}'.{did_you_mean(name, known)}")


def _fetched(source: str, tracking_uri: str, folder: str) -> Path:
    from mlflow.artifacts import download_artifacts

    try:
        return Path(download_artifacts(source, dst_path=folder, tracking_uri=tracking_uri))
    except (OSError, mlflow_error()) as error:
        raise TrackingError(f"the files of the model cannot be fetched: {error}") from error
