"""The ledger as the queue writes it: every event once, and told to whoever listens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from orchestrator.events import CellEndEvent, CellEvent, Event
from orchestrator.ledger import Ledger


class EventLog:
    """Append events.

    Args:
        look_only: write and tell nothing.
    """

    def __init__(self, ledger: Ledger, look_only: bool) -> None:
        self._ledger = ledger
        self._look_only = look_only
        self._listeners: list[Callable[[Event], None]] = []
        self._known: dict[tuple[type[Event], str], CellEvent | CellEndEvent] = {}

    def read(self) -> Iterator[Event]:
        """Yield what was written before, oldest first."""
        for _, event in self._ledger.read():
            if isinstance(event, (CellEvent, CellEndEvent)):
                self._known[type(event), event.cell] = event
            yield event

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event from now on."""
        self._listeners.append(listener)

    def append(self, event: Event) -> None:
        """Write an event, then tell of it."""
        if self._look_only:
            return
        self._ledger.append(event)
        for listener in self._listeners:
            listener(event)

    def append_if_new(self, event: CellEvent | CellEndEvent) -> None:
        """Write an event unless the last one that was read of its kind and cell says the same."""
        known = self._known.get((type(event), event.cell))
        if known is None or dataclasses.replace(event, t=known.t) != known:
            self.append(event)
