"""What earlier events still mean for later ones: session, cells, replicates, last steps.

Rebuilt from the delivered part of the ledger when a driver starts, so nothing here is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from orchestrator.events import (
    CellEndEvent,
    CellEvent,
    EndEvent,
    Event,
    ReportEvent,
    SessionEvent,
    StartEvent,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Replicate:
    """A replicate that ended well."""

    start: StartEvent
    end: EndEvent


@dataclass(kw_only=True)
class History:
    """The part of a ledger's past that tracking needs.

    Args:
        session: the latest one.
        ends: trial id -> the metrics it returned.
        steps: trial id -> the last step it reported, of trials that may go on.
        closed: cells that ended and had no trial started since.
        cells: cell id -> the cell as it was planned last.
        replicates: trial id -> a replicate that ended well.
    """

    session: SessionEvent | None = None
    ends: dict[str, Mapping[str, float]] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    cells: dict[str, CellEvent] = field(default_factory=dict)
    replicates: dict[str, Replicate] = field(default_factory=dict)
    _started: dict[str, StartEvent] = field(default_factory=dict)

    def observe(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, ReportEvent):
            self.steps[event.trial] = max(event.step, self.steps.get(event.trial, event.step))
        elif isinstance(event, EndEvent):
            if event.metrics:
                self.ends[event.trial] = event.metrics
            if event.state != "failed":
                self.steps.pop(event.trial, None)
            start = self._started.pop(event.trial, None)
            if start is not None and event.state == "complete":
                self.replicates[event.trial] = Replicate(start=start, end=event)
        elif isinstance(event, StartEvent):
            self.closed.discard(event.cell)
            if event.phase == "replicate":
                self._started[event.trial] = event
        elif isinstance(event, CellEvent):
            self.cells[event.cell] = event
        elif isinstance(event, CellEndEvent):
            self.closed.add(event.cell)
        elif isinstance(event, SessionEvent):
            self.session = event

    def means(self, trials: Iterable[str]) -> dict[str, float]:
        """Return the mean over the trials of every metric that all of them returned."""
        returned = [self.ends[trial] for trial in trials if trial in self.ends]
        if not returned:
            return {}
        shared = set.intersection(*(set(metrics) for metrics in returned))
        names = [name for name in returned[0] if name in shared]
        return {name: fmean(metrics[name] for metrics in returned) for name in names}
