"""Reads small results that trials left in the tracking store as files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.tracking.store import mlflow_error
from trainables.errors import TrackingError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ArtifactReader:
    """Fetches an artifact when it is asked for.

    Args:
        client: an ``MlflowClient``.
        store: address of the tracking store for messages, without its password.
    """

    client: Any
    store: str

    def read_json(self, run_id: str, name: str) -> Any:
        """Return what a JSON artifact of a run holds; None where the run has none of that name.

        Raises:
            TrackingError: it is there and cannot be fetched, or is not JSON.
        """
        text = self.read_text(run_id, name)
        try:
            return None if text is None else json.loads(text)
        except ValueError as error:
            raise self._unreadable(run_id, name, error) from error

    def read_text(self, run_id: str, name: str) -> str | None:
        """Return a text artifact of a run; None where the run has none of that name.

        Raises:
            TrackingError: it is there and cannot be fetched, or is not text.
        """

        def read(path: Path) -> str:
            return path.read_text(encoding="utf-8")

        return self._read(run_id, name, read)

    def read_table(self, run_id: str, name: str) -> Any:
        """Return a Parquet artifact of a run as an Arrow table; None where the run has none.

        Raises:
            TrackingError: it is there and cannot be fetched, or is no Parquet file.
        """
        import pyarrow.parquet as pq

        return self._read(run_id, name, lambda path: pq.ParquetFile(path).read())

    def _read(self, run_id: str, name: str, read: Callable[[Path], T]) -> T | None:
        with tempfile.TemporaryDirectory() as folder:
            try:
                return read(Path(self.client.download_artifacts(run_id, name, folder)))
            except ValueError as error:  # not UTF-8, not Parquet
                raise self._unreadable(run_id, name, error) from error
            except (OSError, mlflow_error()) as error:
                if self._has(run_id, name):
                    raise self._unreadable(run_id, name, error) from error
                return None

    def fetch_folder(self, run_id: str, name: str, target: Path) -> bool:
        """Copy an artifact folder of a run, whole or not at all; False where the run has none.

        Raises:
            TrackingError: it is there and cannot be fetched.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as scratch:
            try:
                if not self._has(run_id, name):
                    return False
                Path(self.client.download_artifacts(run_id, name, scratch)).replace(target)
            except (OSError, mlflow_error()) as error:
                raise self._unreadable(run_id, name, error) from error
        return True

    def _has(self, run_id: str, name: str) -> bool:
        try:
            return name in {item.path for item in self.client.list_artifacts(run_id)}
        except (OSError, mlflow_error()) as error:
            raise self._unreadable(run_id, name, error) from error

    def _unreadable(self, run_id: str, name: str, error: Exception) -> TrackingError:
        return TrackingError(
            f"cannot read artifact {name} of run {run_id} in the tracking store {self.store}: "
            f"{error}"
        )
