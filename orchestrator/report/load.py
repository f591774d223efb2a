"""Reads a study's results back from MLflow, and from nowhere else."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from orchestrator.report.artifacts import ArtifactReader
from orchestrator.report.results import (
    CellResult,
    CellState,
    Curve,
    DataSource,
    PlaceResult,
    StudyResults,
    TrialResult,
    TrialState,
    WeightsSource,
)
from orchestrator.tracking import check_uri, experiment_name, names
from orchestrator.tracking.store import connect, hide_password, mlflow_error, sqlite_path
from trainables.errors import TrackingError

_PAGE = 1000
_CONNECTIONS = 8

_Curves = Mapping[str, Curve]
"""Run id -> the objective as its trial reported it."""

_Place = tuple[str, frozenset[tuple[str, str]]]
"""Experiment and levels."""


def load_study_results(tracking_uri: str, study: str) -> StudyResults:
    """Read everything a study has in a tracking store.

    Where several cells were run for one place of a table (other data, another version, a twin),
    the one planned last counts.

    Raises:
        TrackingError: the store cannot be read, or has nothing of the study.
    """
    check_uri(tracking_uri)
    shown = hide_password(tracking_uri)
    path = sqlite_path(tracking_uri)
    if path is not None and not path.exists():
        raise _nothing(study, shown)
    client = connect(tracking_uri)
    try:
        experiment = client.get_experiment_by_name(experiment_name(study))
        if experiment is None:
            raise _nothing(study, shown)
        runs = _all_runs(client, experiment.experiment_id)
        return _assemble(client, study, tracking_uri, runs)
    except mlflow_error() as error:
        raise TrackingError(f"cannot read the tracking store {shown}: {error}") from error


def _nothing(study: str, store: str) -> TrackingError:
    return TrackingError(
        f"the tracking store {store} has nothing of study '{study}'. "
        f'Run "xenograft run {study}" first, or name another store with --tracking-uri.'
    )


def _all_runs(client: Any, experiment: str) -> list[Any]:
    # Runs that begin while pages are read push others onto the next one.
    runs: dict[str, Any] = {}
    token: str | None = None
    while True:
        page = client.search_runs([experiment], max_results=_PAGE, page_token=token)
        runs |= {run.info.run_id: run for run in page}
        token = page.token
        if not token:
            return list(runs.values())


def _assemble(client: Any, study: str, uri: str, runs: list[Any]) -> StudyResults:
    children: defaultdict[str, list[Any]] = defaultdict(list)
    for run in runs:
        if run.data.tags.get(names.KIND) == "trial":
            children[run.data.tags[names.PARENT_RUN]].append(run)
    parents = [run for run in runs if run.data.tags.get(names.KIND) == "cell"]
    parents.sort(key=lambda run: int(run.data.tags[names.PLANNED]), reverse=True)
    newest, superseded = _newest([run for run in parents if not _is_imported(run)])
    imported = _newest_imports([run for run in parents if _is_imported(run)])
    kept = [*(parent for parent, _ in newest), *imported]
    shown = [child for parent in kept for child in children[parent.info.run_id]]
    objectives = {
        parent.info.run_id: names.safe_name(parent.data.tags[names.OBJECTIVE_METRIC])
        for parent in kept
    }
    curves = _curves(client, shown, objectives, local=sqlite_path(uri) is not None)
    cells: list[CellResult] = []
    by_place: dict[_Place, CellResult] = {}
    for parent, places in newest:
        cell = _cell(parent, tuple(places.values()), children[parent.info.run_id], curves)
        cells.append(cell)
        by_place.update(dict.fromkeys(places, cell))
    cells.sort(key=lambda cell: cell.name)
    beside = [
        _cell(parent, tuple(_places(parent.data.tags)), children[parent.info.run_id], curves)
        for parent in imported
    ]
    store = hide_password(uri)
    artifacts = ArtifactReader(client=client, store=store)
    return StudyResults(
        study=study,
        store=store,
        cells=tuple(cells),
        superseded=superseded,
        by_place=by_place,
        imported=tuple(sorted(beside, key=lambda cell: cell.name)),
        read_json=artifacts.read_json,
        read_text=artifacts.read_text,
        read_table=artifacts.read_table,
        fetch_folder=artifacts.fetch_folder,
    )


def _is_imported(run: Any) -> bool:
    return bool(run.data.tags[names.RECIPE] == names.IMPORTED)


def _newest_imports(parents: list[Any]) -> list[Any]:
    """Return the last import of every cell, from the newest to the oldest.

    A sweep that was imported before it was finished is there twice.
    """
    last: dict[str, Any] = {}
    for run in parents:
        if run.data.tags[names.STATE] != "running":
            last.setdefault(run.data.tags[names.CELL], run)
    return list(last.values())


def _newest(parents: list[Any]) -> tuple[list[tuple[Any, dict[_Place, PlaceResult]]], int]:
    """Return cells with the places they hold, and how many places a newer one took.

    Args:
        parents: runs of cells, the newest first.
    """
    taken: set[_Place] = set()
    newest = []
    superseded = 0
    for parent in parents:
        places = {(p.experiment, frozenset(p.levels.items())): p for p in _places(parent.data.tags)}
        kept = {key: place for key, place in places.items() if key not in taken}
        superseded += len(places) - len(kept)
        if kept:
            newest.append((parent, kept))
            taken.update(kept)
    return newest, superseded


def _curves(
    client: Any, trials: list[Any], objectives: Mapping[str, str], *, local: bool
) -> _Curves:
    """Read the objective of every trial.

    MLflow has no call for the histories of many runs. A database file answers in a millisecond and
    only one thread at a time; a server takes longer, but several requests at once.
    """

    def read(run: Any) -> Curve:
        objective = objectives[run.data.tags[names.PARENT_RUN]]
        return _curve(client.get_metric_history(run.info.run_id, objective))

    with ThreadPoolExecutor(1 if local else _CONNECTIONS) as pool:
        found = list(pool.map(read, trials))
    return {run.info.run_id: curve for run, curve in zip(trials, found, strict=True)}


def _places(tags: Mapping[str, str]) -> list[PlaceResult]:
    found = [json.loads(v) for k, v in sorted(tags.items()) if k.startswith(names.PLACE)]
    return [
        PlaceResult(
            experiment=place["experiment"],
            levels=place["levels"],
            metric=names.safe_name(place["metric"]),
        )
        for place in found
    ]


def _cell(
    parent: Any, places: tuple[PlaceResult, ...], children: list[Any], curves: _Curves
) -> CellResult:
    tags = parent.data.tags
    trials = [
        (run.data.tags[names.PHASE], _trial(run, parent.data.params, curves[run.info.run_id]))
        for run in children
    ]
    trials.sort(key=lambda item: item[1].index)
    counted = json.loads(tags.get(names.REPLICATES, "[]"))
    replicates = [t for phase, t in trials if phase == "replicate" and t.state == "complete"]
    if counted:
        replicates = [t for t in replicates if t.trial in counted]
    return CellResult(
        cell=tags[names.CELL],
        run_id=parent.info.run_id,
        name=tags[names.NAME],
        planned=int(tags[names.PLANNED]),
        state=cast(CellState, tags[names.STATE]),
        reason=tags.get(names.REASON, ""),
        recipe=tags[names.RECIPE],
        trainable=tags[names.TRAINABLE],
        version=int(tags[names.VERSION]),
        objective=tags[names.OBJECTIVE_METRIC],
        mode=tags[names.OBJECTIVE_MODE],
        places=places,
        replicates=tuple(replicates),
        search=tuple(t for phase, t in trials if phase == "search"),
        failed=tuple(t for _, t in trials if t.state == "failed"),
        chosen=json.loads(tags.get(names.CHOSEN, "{}")),
        data=tuple(DataSource(**item) for item in _items(tags, names.DATA)),
        weights=tuple(WeightsSource(**item) for item in _items(tags, names.WEIGHTS)),
        provenance=_with_prefix(tags, names.PROVENANCE),
        selection=json.loads(tags.get(names.SELECTION, "{}")),
    )


def _items(tags: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
    return [json.loads(text) for _, text in sorted(_with_prefix(tags, prefix).items())]


def _with_prefix(tags: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {k.removeprefix(prefix): v for k, v in tags.items() if k.startswith(prefix)}


def _trial(run: Any, common: Mapping[str, str], curve: Curve) -> TrialResult:
    """Read a trial.

    Args:
        common: config of its cell, of which a trial's run has what differs only.
    """
    tags, info = run.data.tags, run.info
    config = {**common, **run.data.params}
    hours = None if not info.end_time else (info.end_time - info.start_time) / 3.6e6
    state = cast(TrialState, tags[names.STATE])
    return TrialResult(
        trial=tags[names.TRIAL],
        run_id=info.run_id,
        index=int(tags[names.INDEX]),
        seed=int(tags[names.SEED]),
        state=state,
        value=run.data.metrics.get(names.OBJECTIVE) if state != "failed" else None,
        params=json.loads(tags[names.PARAMS]),
        config={key: _from_text(text) for key, text in config.items()},
        metrics=run.data.metrics,
        curve=curve,
        hours=hours if state != "running" else None,
        failure=tags.get(names.FAILURE, "") if state == "failed" else "",
        error=tags.get(names.ERROR, "") if state == "failed" else "",
        retried=tuple(_with_prefix(tags, names.AFTER).values()),
        gallery=names.GALLERY in tags,
    )


def _from_text(text: str) -> Any:
    """Undo ``names.as_text``."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _curve(history: list[Any]) -> Curve:
    # What run() returns comes later than the reports and at the last step: the first value of a
    # step is the one that was reported there.
    points: dict[int, float] = {}
    for metric in sorted(history, key=lambda m: (m.step, m.timestamp)):
        points.setdefault(metric.step, metric.value)
    return Curve(steps=tuple(points), values=tuple(points.values()))
