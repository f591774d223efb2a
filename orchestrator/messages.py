"""What a trial says to the driver: one JSON string per Tune report.

A single string keeps Tune from flattening, validating and logging each metric on its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.events import FailureKind
from orchestrator.queue.cell_progress import Work

KEY = "message"
"""The one key of a Tune result that is ours."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Metrics at a step."""

    step: int
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Final:
    """run() returned."""

    metrics: dict[str, float]
    artifacts: bool
    """Whether the trial left an artifact folder."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """run() raised."""

    kind: FailureKind
    error: str
    splittable: bool = False
    """Whether computing each batch in more parts would take less memory."""


Message = Report | Final | Failure
_TYPES: dict[str, type[Any]] = {t.__name__: t for t in (Report, Final, Failure)}


def pack(message: Message) -> dict[str, str]:
    """Return the Tune result that carries a message. NaN is kept (JSON's common extension)."""
    return {KEY: json.dumps([type(message).__name__, vars(message)])}


def unpack(result: Mapping[str, Any]) -> Message | None:
    """Return the message a Tune result carries, if any."""
    text = result.get(KEY)
    if text is None:
        return None
    name, body = json.loads(text)
    message: Message = _TYPES[name](**body)
    return message


def pack_work(work: Work, gpus: float = 0.0) -> dict[str, Any]:
    """Return the Tune config that carries a piece of work.

    Args:
        gpus: what one rank of it holds.
    """
    return {
        "work": json.dumps(vars(work)),
        "trial": work.trial,
        "attempt": work.attempt,
        "gpus": gpus,
    }


def unpack_work(config: Mapping[str, Any]) -> Work:
    """Inverse of :func:`pack_work`."""
    return Work(**json.loads(config["work"]))


def unpack_trial(config: Mapping[str, Any]) -> tuple[str, int]:
    """Return the trial of a piece of work and the number of its attempt, which every result asks.

    The attempt is that at which Tune took up the trial; it starts lost ones again by itself.
    """
    return config["trial"], config["attempt"]


def unpack_gpus(config: Mapping[str, Any]) -> float:
    """Return what one rank of a piece of work holds."""
    return float(config["gpus"])
