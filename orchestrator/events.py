"""What happens in a study, as an append-only sequence of small JSON objects.

The ledger stores them, the queue is rebuilt from them, and tracking ships them to MLflow. Every
event has ``t``, milliseconds since the epoch, set once when it happened: a replay carries the same
time, which is what makes delivery to the tracking store idempotent.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Phase = Literal["search", "replicate"]
EndState = Literal["complete", "pruned", "failed"]
FailureKind = Literal["bug", "nan", "out_of_memory", "data", "infrastructure", "hung"]

GOES_ON: frozenset[FailureKind] = frozenset({"out_of_memory", "data", "infrastructure", "hung"})
"""A trial that failed of these may be tried again, and then goes on from its checkpoint."""


@dataclass(frozen=True, kw_only=True)
class SessionEvent:
    """A driver started: what it was asked, with which code, on what."""

    kind: ClassVar[str] = "session"
    t: int
    study: str
    selection: dict[str, Any]
    """Everything needed to run the same selection again (what ``resume`` uses)."""
    provenance: dict[str, str]
    """Flat: code version, package versions, host kind, python; recorded as MLflow tags."""


@dataclass(frozen=True, kw_only=True)
class CellEvent:
    """A cell was planned, or planned again with a new place in a table or a new budget."""

    kind: ClassVar[str] = "cell"
    t: int
    cell: str
    """Identity: a hash, see plan.py."""
    name: str
    """Readable key of the cell's first place."""
    places: list[dict[str, Any]]
    """Where its number is printed: {"experiment", "levels": {factor: level}, "metric",
    "published": {"value", "error", "error_kind", "n", "source", "doubt"} | None} each."""
    trainable: str
    version: int
    recipe: str
    """'paper' or 'search'."""
    config: dict[str, Any]
    """Flat base config, as canonical values."""
    objective: dict[str, str]
    """{"metric", "mode"}."""
    space: dict[str, Any]
    data: list[dict[str, str]]
    """{"name", "digest", "kind": "real" | "synthetic", "source"} for every data set."""
    weights: list[dict[str, str]]
    """{"card", "weights", "digest", "kind": "real" | "random" | "twin"} for every backbone."""


@dataclass(frozen=True, kw_only=True)
class StartEvent:
    """A trial was handed out (again, with a higher attempt, after an interruption)."""

    kind: ClassVar[str] = "start"
    t: int
    trial: str
    cell: str
    phase: Phase
    index: int
    seed: int
    config: dict[str, Any]
    """The trial's flat config, as canonical values."""
    params: dict[str, Any]
    """The searched part of it, {} for the paper's recipe."""
    attempt: int = 0
    after: FailureKind | None = None
    """What the attempt before failed of; None at the first one, and after an interruption."""
    micro_batches: int = 1
    """Parts in which each batch is computed, so that it fits the memory."""


@dataclass(frozen=True, kw_only=True)
class ReportEvent:
    """A trial reported at a step. Metrics are named ``val/...``, ``train/...``, ``perf/...``."""

    kind: ClassVar[str] = "report"
    t: int
    trial: str
    step: int
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class EndEvent:
    """A trial ended. ``metrics`` is what run() returned: ``test/...`` only for replicates."""

    kind: ClassVar[str] = "end"
    t: int
    trial: str
    state: EndState
    value: float | None = None
    """The objective: best over the steps for complete trials, the last one for pruned ones."""
    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: str | None = None
    """Artifact folder, relative to the study's folder."""
    failure: FailureKind | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class CellEndEvent:
    """A cell has all its replicates, or can get no further."""

    kind: ClassVar[str] = "cell_end"
    t: int
    cell: str
    state: Literal["complete", "failed"]
    replicates: list[str]
    """Ids of the trials whose metrics make the cell's number."""
    chosen: dict[str, Any]
    """The searched parameters that validation chose."""
    reason: str = ""


Event = SessionEvent | CellEvent | StartEvent | ReportEvent | EndEvent | CellEndEvent
_KINDS: dict[str, type[Any]] = {
    c.kind: c for c in (SessionEvent, CellEvent, StartEvent, ReportEvent, EndEvent, CellEndEvent)
}


def encode(event: Event) -> str:
    """Return the event as one line of JSON. NaN and infinities become strings ("nan", "inf")."""
    body = {"event": event.kind, **_plain(vars(event))}
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


def decode(line: str) -> Event:
    """Inverse of :func:`encode`."""
    body = json.loads(line)
    kind = _KINDS[body.pop("event")]
    for key in ("metrics", "value"):
        if key in body:
            body[key] = _numbers(body[key])
    event: Event = kind(**body)
    return event


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: float(v) for k, v in value.items()}
    return None if value is None else float(value)
