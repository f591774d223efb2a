"""What MLflow is told about each event: tags, parameters and metrics, without talking to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.events import CellEndEvent, CellEvent, EndEvent, SessionEvent, StartEvent
from orchestrator.tracking import names
from orchestrator.tracking.names import as_text, safe_name
from orchestrator.tracking.views import searched_text

_MAX_ERROR = 4000  # half of what a tag holds: head and tail of a traceback say what happened
_MAX_DIGEST = 32  # MLflow takes 36 characters of a data set's digest; the tag has all of it


def cell_tags(event: CellEvent) -> dict[str, str]:
    """Return the tags of a cell's parent run."""
    tags = {
        names.KIND: "cell",
        names.CELL: event.cell,
        names.NAME: event.name,
        names.PLANNED: str(event.t),
        names.TRAINABLE: event.trainable,
        names.VERSION: str(event.version),
        names.RECIPE: event.recipe,
        names.OBJECTIVE_METRIC: event.objective["metric"],
        names.OBJECTIVE_MODE: event.objective["mode"],
        names.SPACE: as_text(event.space),
        names.DATA_KINDS: _kinds(event.data),
        names.WEIGHTS_KINDS: _kinds(event.weights),
    }
    for place in event.places:
        tags[names.place_tag(place["experiment"], place["levels"])] = as_text(place)
    tags |= level_tags(event)
    for item in event.data:
        tags[safe_name(names.DATA + item["name"])] = as_text(item)
    for item in event.weights:
        tags[safe_name(f"{names.WEIGHTS}{item['card']}.{item['weights']}")] = as_text(item)
    return tags


def inherited_tags(event: StartEvent, cell: CellEvent | None) -> dict[str, str]:
    """Return what a trial says of its cell, so that the UI can filter and group trials alone."""
    if cell is None:
        return {}
    searched = {names.SEARCHED: searched_text(cell.space)} if event.phase == "search" else {}
    return level_tags(cell) | searched


def level_tags(event: CellEvent) -> dict[str, str]:
    """Return the levels of a cell's first place."""
    levels = event.places[0]["levels"] if event.places else {}
    return {safe_name(names.LEVEL + factor): level for factor, level in levels.items()}


def cell_run_name(event: CellEvent) -> str:
    """Return ``imagenet, knn, fashion (transfer)``: what tells cells apart is not cut off."""
    if not event.places:
        return event.name
    place = event.places[0]
    return f"{', '.join(place['levels'].values())} ({place['experiment']})"


def _kinds(items: Iterable[Mapping[str, str]]) -> str:
    return ", ".join(sorted({item["kind"] for item in items}))


def trial_tags(event: StartEvent, parent: str) -> dict[str, str]:
    """Return the tags of a trial's run, a child of its cell's."""
    after = {} if event.after is None else {f"{names.AFTER}{event.attempt}": event.after}
    return {
        **after,
        names.PARENT_RUN: parent,
        names.KIND: "trial",
        names.TRIAL: event.trial,
        names.CELL: event.cell,
        names.PHASE: event.phase,
        names.INDEX: str(event.index),
        names.SEED: str(event.seed),
        names.ATTEMPT: str(event.attempt),
        names.PARAMS: as_text(event.params),
        names.STATE: "running",
    }


def trial_name(event: StartEvent, cell: CellEvent | None) -> str:
    """Return ``search-003: imagenet, knn (transfer)``: charts show trials without their cell."""
    width = 3 if event.phase == "search" else 1
    own = f"{event.phase}-{event.index:0{width}d}"
    return own if cell is None else f"{own}: {cell_run_name(cell)}"


def own_config(event: StartEvent, cell: CellEvent | None) -> dict[str, Any]:
    """Return what of a trial's config its cell does not say: what was searched, mostly.

    A run that has every setting as a parameter shows dozens that never change beside the two that
    a search is about.
    """
    common = {} if cell is None else cell.config
    return {
        key: value
        for key, value in event.config.items()
        if key in event.params or key not in common or value != common[key]
    }


def session_tags(session: SessionEvent | None) -> dict[str, str]:
    """Return the tags that say with which code and packages, on what, and what was asked for.

    The cells asked for are left out: each run is one cell, and such a list can outgrow a tag.
    """
    if session is None:
        return {}
    selection = {key: value for key, value in session.selection.items() if key != "only"}
    return {
        names.SELECTION: as_text(selection),
        **{safe_name(names.PROVENANCE + key): text for key, text in session.provenance.items()},
    }


def end_tags(event: EndEvent) -> dict[str, str]:
    """Return the tags of a trial that ended."""
    tags: dict[str, str] = {names.STATE: event.state}
    if event.failure is not None:
        tags[names.FAILURE] = event.failure
    if event.error:
        tags[names.ERROR] = _shorten(event.error)
    return tags


def end_metrics(event: EndEvent) -> dict[str, float]:
    """Return the metrics of a trial that ended: what it returned, and its objective."""
    if event.value is None:
        return dict(event.metrics)
    return {**event.metrics, names.OBJECTIVE: event.value}


def cell_end_tags(event: CellEndEvent) -> dict[str, str]:
    """Return the tags of a cell that ended."""
    return {
        names.STATE: event.state,
        names.CHOSEN: as_text(event.chosen),
        names.REPLICATES: as_text(event.replicates),
        names.REASON: _shorten(event.reason),
    }


def _shorten(text: str) -> str:
    if len(text) <= _MAX_ERROR:
        return text
    half = _MAX_ERROR // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"


def metric_list(values: Mapping[str, float], step: int, t: int) -> list[Any]:
    """Return MLflow metrics that carry the time of their event."""
    from mlflow.entities import Metric

    return [Metric(safe_name(name), value, t, step) for name, value in values.items()]


def param_list(config: Mapping[str, Any]) -> list[Any]:
    """Return MLflow parameters of a flat config."""
    from mlflow.entities import Param

    return [Param(safe_name(key), as_text(value)) for key, value in config.items()]


def tag_list(tags: Mapping[str, str]) -> list[Any]:
    """Return MLflow tags."""
    from mlflow.entities import RunTag

    return [RunTag(key, value) for key, value in tags.items()]


def dataset_inputs(event: CellEvent) -> list[Any]:
    """Return one MLflow data set per data set of the cell, its kind where MLflow shows a context.

    Built from the plain entities: ``mlflow.data`` would import pandas and hash pixels we do not
    have here.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return [
        DatasetInput(
            Dataset(item["name"], item["digest"][:_MAX_DIGEST], *_source(item["source"])),
            [InputTag("mlflow.data.context", item["kind"])],
        )
        for item in event.data
    ]


def _source(text: str) -> tuple[str, str]:
    if text.startswith(("http://", "https://")):
        return "http", json.dumps({"url": text})
    return "code", json.dumps({"tags": {names.PREFIX + "source": text}})
