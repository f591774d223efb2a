"""What each kind of event does to the runs of a study.

How a second delivery leaves no trace: a run is looked up by tag before it is made whenever an
earlier attempt may have made it, metrics carry the time of their event and MLflow keeps one of
equal (key, step, time, value), and everything else replaces itself with the same value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from orchestrator.events import (
    CellEndEvent,
    CellEvent,
    EndEvent,
    Event,
    ReportEvent,
    StartEvent,
)
from orchestrator.tracking import entities, names
from orchestrator.tracking.file_names import FileNames
from orchestrator.tracking.history import History
from orchestrator.tracking.runs import RefusedError, Runs, RunStatus
from orchestrator.tracking.state import DeliveryState
from trainables.segmentation.file_names import GALLERY, LISTING

_STATUS: dict[str, RunStatus] = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_MAX_ARTIFACT = 5 * 1024**2  # bytes; weights stay in the storage, the store gets what is read
_ARTIFACT_TYPES = {".json", ".jsonl", ".parquet"}
_GALLERY_TYPES = {".json", ".png"}


class Models(Protocol):
    """Registers the models of cells, see :mod:`orchestrator.models.registration`."""

    def register(self, end: CellEndEvent, history: History, folder: Path, runs: Runs) -> None: ...


@dataclass(kw_only=True)
class Delivery:
    """Turn events into run operations; reports wait in a buffer until their run is flushed.

    Args:
        folder: the study's folder, which artifact folders are relative to.
        file_names: how files and patients are called in the store.
        uncertain_until: up to this byte of the ledger, runs may exist that ``state`` lacks.
        models: None registers none.
    """

    runs: Runs
    state: DeliveryState
    history: History
    folder: Path
    file_names: FileNames
    uncertain_until: int
    models: Models | None = None
    buffers: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def deliver(self, offset: int, event: Event) -> None:
        """Do, or buffer, what one event asks for.

        Raises:
            RefusedError: the event belongs to a run that the store does not have, because its
                beginning was refused, or a file of it cannot be stored.
        """
        if isinstance(event, CellEvent):
            self._open_cell(event, uncertain=offset <= self.uncertain_until)
        elif isinstance(event, StartEvent):
            self._open_trial(event, uncertain=offset <= self.uncertain_until)
        elif isinstance(event, ReportEvent):
            metrics = entities.metric_list(event.metrics, event.step, event.t)
            self.buffers[event.trial].extend(metrics)
        elif isinstance(event, EndEvent):
            self._end_trial(event)
        elif isinstance(event, CellEndEvent):
            self._end_cell(event)

    def flush(self, trial: str) -> None:
        """Write a trial's buffered reports in one call."""
        metrics = self.buffers.pop(trial, [])
        if metrics:
            self.runs.log(self._run_of(trial), metrics=metrics)

    def _open_cell(self, event: CellEvent, uncertain: bool) -> None:
        run = self.state.cells.get(event.cell)
        if run is None and uncertain:
            run = self.runs.find(names.CELL, event.cell)
        tags = entities.cell_tags(event) | entities.session_tags(self.history.session)
        if run is None:
            run = self.runs.make(
                entities.cell_run_name(event), event.t, {**tags, names.STATE: "running"}
            )
        else:
            self.runs.log(run, tags=tags)
        self.state.cells[event.cell] = run
        self.runs.log(run, params=entities.param_list(event.config))
        self.runs.add_inputs(run, entities.dataset_inputs(event))

    def _open_trial(self, event: StartEvent, uncertain: bool) -> None:
        parent = self.state.cells.get(event.cell)
        if parent is None:
            raise RefusedError(f"trial {event.trial} belongs to no cell the store has")
        if event.cell in self.history.closed:
            self.runs.reopen(parent)
            self.runs.log(parent, tags={names.STATE: "running"})
        run = self.state.trials.get(event.trial)
        if run is None and (uncertain or event.attempt > 0):
            run = self.runs.find(names.TRIAL, event.trial)
        cell = self.history.cells.get(event.cell)
        tags = entities.trial_tags(event, parent) | entities.session_tags(self.history.session)
        tags |= entities.inherited_tags(event, cell)
        if run is None:
            run = self.runs.make(entities.trial_name(event, cell), event.t, tags)
        else:
            self.runs.reopen(run)
            self.runs.log(run, tags=tags)
        self.state.trials[event.trial] = run
        self.runs.log(run, params=entities.param_list(entities.own_config(event, cell)))

    def _end_trial(self, event: EndEvent) -> None:
        run = self._run_of(event.trial)
        # Returned values must be the latest of their name, whatever step the objective came from.
        step = max(event.step, self.history.steps.get(event.trial, event.step))
        ended = entities.metric_list(entities.end_metrics(event), step, event.t)
        reports = self.buffers.pop(event.trial, [])
        self.runs.log(run, metrics=[*reports, *ended], tags=self._told(entities.end_tags(event)))
        self.runs.end(run, _STATUS[event.state], event.t)
        self.state.trials.pop(event.trial, None)
        if event.artifacts is not None:
            self._store_files(run, self.folder / event.artifacts)

    def _store_files(self, run: str, artifacts: Path) -> None:
        for file in _uploadable(artifacts, _ARTIFACT_TYPES):
            self._upload(run, file)
        gallery = artifacts / GALLERY
        # The listing is written last: without it the trial was stopped among its pictures.
        if (gallery / LISTING).is_file():
            for file in _uploadable(gallery, _GALLERY_TYPES):
                self._upload(run, file, GALLERY)
            self.runs.log(run, tags={names.GALLERY: GALLERY})

    def _upload(self, run: str, file: Path, folder: str | None = None) -> None:
        try:
            with self.file_names.file(file) as copy:
                self.runs.upload(run, copy, folder)
        except ValueError as error:
            raise RefusedError(f"{file.name} of run {run} is damaged: {error}") from error

    def _told(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return tags as the store may have them: errors name files."""
        said = {names.ERROR, names.REASON}
        return {k: self.file_names.text(v) if k in said else v for k, v in tags.items()}

    def _end_cell(self, event: CellEndEvent) -> None:
        run = self.state.cells.get(event.cell)
        if run is None:
            raise RefusedError(f"cell {event.cell} ended, but the store does not have it")
        means = self.history.means(event.replicates)
        means[names.N] = float(len(event.replicates))
        metrics = entities.metric_list(means, 0, event.t)
        self.runs.log(run, metrics=metrics, tags=self._told(entities.cell_end_tags(event)))
        self.runs.end(run, _STATUS[event.state], event.t)
        if self.models is not None:
            self.models.register(event, self.history, self.folder, self.runs)

    def _run_of(self, trial: str) -> str:
        run = self.state.trials.get(trial) or self.runs.find(names.TRIAL, trial)
        if run is None:
            raise RefusedError(f"the store has no run of trial {trial}")
        self.state.trials[trial] = run
        return run


def _uploadable(folder: Path, types: set[str]) -> list[Path]:
    return [
        file
        for file in sorted(folder.glob("*"))
        # A leading dot: left by a trial that was killed while it wrote.
        if file.suffix in types and file.name[0] != "." and file.stat().st_size < _MAX_ARTIFACT
    ]
