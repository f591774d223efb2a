"""What a study has found, as read back from the tracking store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

TrialState = Literal["running", "complete", "pruned", "failed"]
CellState = Literal["running", "complete", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The objective as a trial reported it."""

    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialResult:
    """One trial: a search trial, or a replicate of the chosen config.

    Args:
        value: the objective; None while it runs and when it failed.
        params: the searched parameters it had.
        config: everything it was set to, by dotted key.
        metrics: the last value of everything it reported or returned.
        hours: from its start to its end, interruptions included; None while it runs.
        failure: kind of failure, empty when there was none.
        retried: what each attempt failed of that was followed by another.
        gallery: whether it left pictures to look at.
    """

    trial: str
    run_id: str
    index: int
    seed: int
    state: TrialState
    value: float | None
    params: Mapping[str, Any]
    config: Mapping[str, Any]
    metrics: Mapping[str, float]
    curve: Curve
    hours: float | None
    failure: str = ""
    error: str = ""
    retried: tuple[str, ...] = ()
    gallery: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceResult:
    """Where a cell's number is printed, and which of its metrics that is."""

    experiment: str
    levels: Mapping[str, str]
    metric: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSource:
    """A data set a cell stood on; ``kind`` is 'real' or 'synthetic'."""

    name: str
    digest: str
    kind: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsSource:
    """Weights a cell stood on; ``kind`` is 'real', 'random' or 'twin'."""

    card: str
    weights: str
    digest: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """One cell with all its trials.

    Args:
        planned: when it was last planned, milliseconds since the epoch.
        replicates: the trials that make its number; while it runs, those done so far.
        search: its search trials, in order.
        failed: every trial of it that failed.
        chosen: the searched parameters that validation chose.
        selection: what the session that planned it was asked for, without the cells.
    """

    cell: str
    run_id: str
    name: str
    planned: int
    state: CellState
    reason: str
    recipe: str
    trainable: str
    version: int
    objective: str
    mode: str
    places: tuple[PlaceResult, ...]
    replicates: tuple[TrialResult, ...]
    search: tuple[TrialResult, ...]
    failed: tuple[TrialResult, ...]
    chosen: Mapping[str, Any]
    data: tuple[DataSource, ...]
    weights: tuple[WeightsSource, ...]
    provenance: Mapping[str, str]
    selection: Mapping[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """What must stand beside every number of the cell: keys of ``table.LEGEND``."""
        kinds = {d.kind for d in self.data} | {w.kind for w in self.weights}
        searched = {trial.state for trial in self.search}
        if self.state == "complete" and searched and "complete" not in searched:
            kinds.add("stopped-early")
        known = ("synthetic", "twin", "random", "stopped-early")
        return tuple(label for label in known if label in kinds)

    def values(self, metric: str) -> list[float]:
        """Return a metric of every replicate that has it."""
        return [r.metrics[metric] for r in self.replicates if metric in r.metrics]


def _no_artifact(run_id: str, name: str) -> None:
    del run_id, name


def _no_folder(run_id: str, name: str, target: Path) -> bool:
    del run_id, name, target
    return False


_Place = tuple[str, frozenset[tuple[str, str]]]
"""Experiment and levels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedValues:
    """What the replicates of an imported cell have in a place of a table."""

    metric: str
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResults:
    """Everything a report is made of.

    Args:
        store: address of the tracking store, without its password.
        cells: the newest cell of every place.
        superseded: numbers left out because a newer cell has their place.
        imported: cells that were read from the logs of another program: they stand beside our own
            and are never part of them.
        read_json, read_text: id of a trial's run and name of a file -> what that artifact holds,
            fetched now; None where there is none.
        read_table: the same of a Parquet artifact, as an Arrow table.
        fetch_folder: id of a trial's run, name of an artifact folder and where to copy it, whole or
            not at all -> whether there is one.
    """

    study: str
    store: str
    cells: tuple[CellResult, ...]
    superseded: int = 0
    by_place: Mapping[_Place, CellResult] = field(default_factory=dict)
    imported: tuple[CellResult, ...] = ()
    read_json: Callable[[str, str], Any] = _no_artifact
    read_text: Callable[[str, str], str | None] = _no_artifact
    read_table: Callable[[str, str], Any] = _no_artifact
    fetch_folder: Callable[[str, str, Path], bool] = _no_folder

    def at(self, experiment: str, levels: Mapping[str, str]) -> CellResult | None:
        """Return the cell that holds a place, None if nothing was run for it."""
        return self.by_place.get((experiment, frozenset(levels.items())))

    def imported_values(self, experiment: str, levels: Mapping[str, str]) -> list[ImportedValues]:
        """Return what was imported for a place, a member for every setting."""
        return [
            ImportedValues(metric=place.metric, values=tuple(cell.values(place.metric)))
            for cell in self.imported
            for place in cell.places
            if place.experiment == experiment and dict(place.levels) == dict(levels)
        ]

    def failures(self) -> Counter[str]:
        """Return how many trials failed, by kind."""
        return Counter(trial.failure or "unknown" for c in self.cells for trial in c.failed)

    def retries(self) -> Counter[str]:
        """Return how many attempts failed and were followed by another, by kind."""
        trials = {
            trial.trial: trial
            for cell in self.cells
            for trial in (*cell.search, *cell.replicates, *cell.failed)
        }
        return Counter(kind for trial in trials.values() for kind in trial.retried)
