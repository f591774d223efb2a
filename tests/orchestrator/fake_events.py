"""Events of a small made-up study, for the tests of tracking and of the report."""

from __future__ import annotations

import functools
import math
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator.events import (
    CellEndEvent,
    CellEvent,
    EndEvent,
    Event,
    ReportEvent,
    SessionEvent,
    StartEvent,
)
from orchestrator.ledger import Ledger
from orchestrator.tracking import init_store

T0 = 1_700_000_000_000
METRIC = "test/accuracy"
OBJECTIVE = {"metric": "val/accuracy", "mode": "max"}


def session(study: str = "grafts", t: int = T0) -> SessionEvent:
    provenance = {"code": "abc1234", "python": "3.11.9"}
    return SessionEvent(t=t, study=study, selection={}, provenance=provenance)


def place(
    experiment: str, levels: dict[str, str], published: float | None = None
) -> dict[str, Any]:
    printed = None
    if published is not None:
        printed = {"value": published, "error": None, "error_kind": "none", "n": None, "source": ""}
    return {"experiment": experiment, "levels": levels, "metric": METRIC, "published": printed}


def cell(
    cell_id: str,
    places: list[dict[str, Any]],
    *,
    t: int = T0 + 1,
    data_kind: str = "synthetic",
    weights_kind: str = "random",
) -> CellEvent:
    name = "/".join([places[0]["experiment"], *places[0]["levels"].values()])
    digest = "d" * 64
    return CellEvent(
        t=t,
        cell=cell_id,
        name=name,
        places=places,
        trainable="probe",
        version=1,
        recipe="search",
        config={"optimizer.lr": 0.1, "data.name": "fundus", "sizes": [1, 2], "note": ""},
        objective=OBJECTIVE,
        space={"optimizer.lr": {"low": 0.001, "high": 1.0}},
        data=[{"name": "fundus", "digest": digest, "kind": data_kind, "source": "drawn by rule"}],
        weights=[
            {"card": "resnet50", "weights": "imagenet", "digest": "e" * 64, "kind": weights_kind}
        ],
    )


def trial(
    cell_id: str,
    index: int,
    *,
    phase: str = "search",
    t: int,
    steps: int = 3,
    keys: int = 2,
    lr: float = 0.1,
    state: str = "complete",
    metrics: dict[str, float] | None = None,
    **end: Any,
) -> list[Event]:
    """Return start, reports and end of one trial; its id is ``<cell>-<phase>-<index>``."""
    name = f"{cell_id}-{phase}-{index}"
    events: list[Event] = [
        StartEvent(
            t=t,
            trial=name,
            cell=cell_id,
            phase=phase,  # type: ignore[arg-type]
            index=index,
            seed=1000 + index,
            config={"optimizer.lr": lr, "data.name": "fundus"},
            params={"optimizer.lr": lr} if phase == "search" else {},
        )
    ]
    for step in range(1, steps + 1):
        values = {"val/accuracy": 1 - 0.5 * math.exp(-step * lr)}
        values |= {f"train/loss_{i}": 1.0 / (step + i) for i in range(keys - 1)}
        events.append(ReportEvent(t=t + step, trial=name, step=step, metrics=values))
    best = 1 - 0.5 * math.exp(-steps * lr)
    value = None if state == "failed" else best
    events.append(
        EndEvent(
            t=t + steps + 1,
            trial=name,
            state=state,  # type: ignore[arg-type]
            value=value,
            step=steps,
            metrics=metrics or {},
            **end,
        )
    )
    return events


def replicates(cell_id: str, accuracies: list[float], t: int) -> list[Event]:
    """Return replicates that returned these test accuracies, and the end of their cell."""
    events: list[Event] = []
    for index, accuracy in enumerate(accuracies):
        returned = {METRIC: accuracy, "test/auc": accuracy / 2}
        events += trial(cell_id, index, phase="replicate", t=t + 100 * index, metrics=returned)
    ids = [f"{cell_id}-replicate-{i}" for i in range(len(accuracies))]
    ended = t + 100 * len(accuracies)
    chosen = {"optimizer.lr": 0.1}
    events.append(
        CellEndEvent(t=ended, cell=cell_id, state="complete", replicates=ids, chosen=chosen)
    )
    return events


@functools.cache
def _template() -> Path:
    path = Path(tempfile.mkdtemp()) / "template.db"
    init_store(f"sqlite:///{path}")
    return path


def new_store(folder: Path) -> str:
    """Return the address of a fresh sqlite store; copied, because making one takes seconds."""
    shutil.copy(_template(), folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


def write(path: Path, events: Iterable[Event]) -> Path:
    """Append events to a ledger and return its path."""
    ledger = Ledger(path)
    for event in events:
        ledger.append(event)
    ledger.close()
    return path
