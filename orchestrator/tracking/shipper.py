"""Carries a ledger to a tracking store, piece by piece, with a cursor that survives a crash.

Knows no threads and no waiting. An event the store refuses for good is logged, counted and passed
over; anything else that goes wrong is raised, and the next call goes on at the cursor.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestrator.events import CellEndEvent, CellEvent, Event
from orchestrator.ledger import Ledger
from orchestrator.tracking.delivery import Delivery, Models
from orchestrator.tracking.file_names import FileNames
from orchestrator.tracking.history import History
from orchestrator.tracking.runs import RefusedError, Runs
from orchestrator.tracking.state import DeliveryState
from orchestrator.tracking.store import (
    connect,
    hide_password,
    mlflow_error,
    open_experiment,
    sqlite_path,
)
from orchestrator.tracking.views import study_views
from trainables.errors import TrackingError

logger = logging.getLogger(__name__)

_CHUNK = 500  # events between two saves of the cursor: bounds what a crash delivers again
_NEVER = {
    "INVALID_PARAMETER_VALUE",
    "BAD_REQUEST",
    "INVALID_STATE",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
}


class Shipper:
    """Deliver one study's ledger to one store.

    Args:
        ledger_path: the study's ledger, in the study's folder.
        tracking_uri: an address :func:`~orchestrator.tracking.store.check_uri` accepts.
        state_path: where the cursor is kept.
        hash_names: see :mod:`orchestrator.tracking.file_names`.
        models: registers the models of cells; None registers none.
    """

    def __init__(
        self,
        *,
        ledger_path: Path,
        tracking_uri: str,
        study: str,
        state_path: Path,
        hash_names: bool = True,
        models: Models | None = None,
    ) -> None:
        self._models = models
        self._names = (
            FileNames.of_storage(ledger_path.parent.parent) if hash_names else FileNames(None)
        )
        self._ledger = Ledger(ledger_path)
        self._uri = tracking_uri
        self._study = study
        self._state_path = state_path
        # Addresses can hold a password, so only a fingerprint is kept.
        self._address = hashlib.sha256(tracking_uri.encode()).hexdigest()[:16]
        self._state = DeliveryState.load(state_path)
        if not self._state.target.startswith(self._address):
            self._state = DeliveryState()
        self._runs: Runs | None = None
        self._delivery: Delivery | None = None
        self._furthest = (self._state.offset, 0)

    @property
    def furthest(self) -> tuple[int, int]:
        """How far any attempt came; grows with what the store takes and never with attempts.

        Bytes of the ledger, and trials whose values have followed: the cursor moves only after a
        piece of the ledger, which a slow store can take minutes for.
        """
        return self._furthest

    @property
    def offset(self) -> int:
        """Bytes of the ledger that are in the store."""
        return self._state.offset

    @property
    def refused(self) -> int:
        """Events that the store will never take; each was logged with its cause."""
        return self._state.refused

    def ship(self) -> bool:
        """Deliver the next events of the ledger, and say whether there were any.

        Raises:
            Exception: the store, or the way to it, failed.
        """
        if self._ledger_size() == 0:
            return False
        try:
            if self._delivery is None:
                self._delivery = self._prepare()
            chunk = list(self._next_events())
            if chunk:
                self._ship_chunk(self._delivery, chunk)
            return bool(chunk)
        except BaseException:
            # Its history and buffers may be ahead of the cursor, it may have made runs, and the
            # store that answers next may be another.
            self._delivery = None
            self._runs = None
            raise

    def _next_events(self) -> Iterator[tuple[int, Event]]:
        for offset, event in itertools.islice(self._ledger.read(self._state.offset), _CHUNK):
            yield offset, event
            if self._models is not None and isinstance(event, CellEndEvent):
                # A model can take a minute: what is delivered with it is not delivered again.
                return

    def _ledger_size(self) -> int:
        return self._ledger.path.stat().st_size if self._ledger.path.exists() else 0

    def _prepare(self) -> Delivery:
        if self._runs is None:
            self._runs = self._connect()
        history = History()
        for offset, event in self._ledger.read():
            if offset > self._state.offset:
                break
            history.observe(event)
        return Delivery(
            runs=self._runs,
            state=self._state,
            history=history,
            folder=self._ledger.path.parent,
            file_names=self._names,
            uncertain_until=self._ledger_size(),
            models=self._models,
        )

    def _connect(self) -> Runs:
        client = connect(self._uri)
        experiment = open_experiment(client, self._study, self._artifact_folder())
        with self._ledger.path.open("rb") as file:
            ledger = hashlib.sha256(file.readline()).hexdigest()[:16]
        # A store that was deleted and made again counts its experiments from 1 again, too.
        made = f"{experiment.experiment_id}-{experiment.creation_time}"
        target = f"{self._address}/{ledger}/{made}"
        if self._state.target != target:
            self._state = DeliveryState(target=target)
            self._furthest = (0, 0)
        return Runs(client=client, experiment=experiment.experiment_id, ledger=ledger)

    def _artifact_folder(self) -> Path | None:
        if self._uri.startswith("http"):
            return None
        file = sqlite_path(self._uri) or self._ledger.path.parent
        return file.resolve().parent / "mlflow_artifacts" / self._study

    def _ship_chunk(self, delivery: Delivery, chunk: list[tuple[int, Event]]) -> None:
        refused = 0
        for offset, event in chunk:
            refused += self._refuses(delivery.deliver, offset, event)
            delivery.history.observe(event)
            self._furthest = max(self._furthest, (offset, 0))
        for flushed, trial in enumerate(list(delivery.buffers), start=1):
            refused += self._refuses(delivery.flush, trial)
            self._furthest = max(self._furthest, (chunk[-1][0], flushed))
        planned = [event.t for _, event in chunk if isinstance(event, CellEvent)]
        if planned:
            views = study_views(delivery.history.cells.values(), planned[-1])
            refused += self._refuses(delivery.runs.tag_experiment, views)
        self._state.offset = chunk[-1][0]
        self._state.refused += refused
        self._state.save(self._state_path)

    def _refuses(self, operation: Callable[..., None], *args: object) -> bool:
        try:
            operation(*args)
        except RefusedError as error:
            logger.warning("not tracked: %s", error)
            return True
        except mlflow_error() as error:
            if getattr(error, "error_code", "") not in _NEVER:
                raise
            self._require_same_store()
            logger.warning("the tracking store refused %s: %s", _label(args[-1]), error)
            return True
        return False

    def _require_same_store(self) -> None:
        before = self._state.target
        self._connect()
        if self._state.target != before:
            raise TrackingError(f"the store at {hide_password(self._uri)} was replaced by another")


def _label(item: object) -> str:
    body = getattr(item, "__dict__", {})
    return f"{type(item).__name__} of {body.get('trial', body.get('cell', item))}"
