"""The tracker: a thread of the driver that ships the ledger while the study runs.

The sweep never waits for it. When the store cannot be reached it tries again, rarer and rarer, and
then delivers what has gathered; what is left when the driver ends is delivered by the next one.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from orchestrator.tracking.delivery import Models
from orchestrator.tracking.shipper import Shipper
from orchestrator.tracking.store import check_uri, mlflow_error
from trainables.errors import XenograftError

logger = logging.getLogger(__name__)

_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0
_FULL = 500  # events that are not worth waiting for more
_JOIN_S = 5.0


class Tracker:
    """Ship a growing ledger to MLflow.

    Args:
        ledger_path: ``<storage>/<study>/ledger.jsonl``; it need not exist yet.
        tracking_uri: the store, made ready with :func:`~orchestrator.tracking.store.init_store`.
        study: name of the study.
        state_path: JSON file that remembers how far delivery has come.
        flush_s: how long events gather before they are shipped together.
        hash_names: keep names of files and patients out of the store, see
            :mod:`orchestrator.tracking.file_names`.
        models: registers the models of cells; None registers none.

    Raises:
        TrackingError: the address is not accepted, or the state file is damaged.
    """

    def __init__(
        self,
        ledger_path: Path,
        tracking_uri: str,
        study: str,
        state_path: Path,
        flush_s: float = 5.0,
        hash_names: bool = True,
        models: Models | None = None,
    ) -> None:
        check_uri(tracking_uri)
        self._ledger_path = ledger_path
        self._flush_s = flush_s
        self._shipper = Shipper(
            ledger_path=ledger_path,
            tracking_uri=tracking_uri,
            study=study,
            state_path=state_path,
            hash_names=hash_names,
            models=models,
        )
        self._changed = threading.Condition()
        self._pending = 1  # whatever an earlier driver left
        self._draining = False
        self._closing = False
        self._confirmed = False  # the store was reached, so the cursor is about this store
        self._last_error = ""
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)

    def start(self) -> None:
        """Begin shipping."""
        self._thread.start()

    def wake(self) -> None:
        """Say that an event was appended to the ledger; touches no file and never waits."""
        with self._changed:
            self._pending += 1
            if self._pending == 1 or self._pending == _FULL:
                self._changed.notify_all()

    def drain(self, patience_s: float) -> int:
        """Ship without delay until nothing is left or nothing gets through; return what is left.

        Args:
            patience_s: how long to wait for the next event to get through.
        """
        with self._changed:
            self._pending += 1
            self._draining = True
            self._changed.notify_all()
            furthest, last = self._shipper.furthest, time.monotonic()
            while not self._changed.wait_for(
                lambda: self._confirmed and self.undelivered == 0, min(patience_s, 1.0)
            ):
                if self._shipper.furthest != furthest:
                    furthest, last = self._shipper.furthest, time.monotonic()
                elif time.monotonic() - last >= patience_s:
                    break
            self._draining = False
        return self.undelivered

    def close(self) -> None:
        """Stop shipping, without draining; a call that hangs in the network is left behind."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    @property
    def undelivered(self) -> int:
        """Events in the ledger that are not in the store."""
        if not self._ledger_path.exists():
            return 0
        with self._ledger_path.open("rb") as file:
            file.seek(self._shipper.offset)
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))

    @property
    def refused(self) -> int:
        """Events that the store will never take; each was logged with its cause."""
        return self._shipper.refused

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to ship went well."""
        return not self._last_error

    @property
    def last_error(self) -> str:
        """Why the last attempt failed, empty when it went well."""
        return self._last_error

    def _work(self) -> None:
        retry_s = _FIRST_RETRY_S
        while self._wait_for_work():
            if self._ship():
                retry_s = _FIRST_RETRY_S
                continue
            self._wait_to_retry(retry_s)
            retry_s = min(2 * retry_s, _LAST_RETRY_S)

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing)
            self._changed.wait_for(
                lambda: self._closing or self._draining or self._pending >= _FULL, self._flush_s
            )
            self._pending = 0
            return not self._closing

    def _wait_to_retry(self, retry_s: float) -> None:
        with self._changed:
            self._pending += 1  # the events that could not be shipped
            if self._draining:
                self._changed.wait_for(lambda: self._closing, _FIRST_RETRY_S)
            else:
                self._changed.wait_for(lambda: self._closing or self._draining, retry_s)

    def _ship(self) -> bool:
        error = ""
        try:
            while self._shipper.ship() and not self._closing:
                pass
        except (XenograftError, OSError, mlflow_error()) as problem:
            error = f"{type(problem).__name__}: {problem}"
            if error != self._last_error:
                logger.warning("tracking waits: %s", error)
        except Exception as problem:
            # A fault of ours must not end the sweep, and must not hide either.
            error = f"{type(problem).__name__}: {problem}"
            logger.exception("tracking failed")
        with self._changed:
            self._last_error = error
            self._confirmed = self._confirmed or not error
            self._changed.notify_all()
        return not error
