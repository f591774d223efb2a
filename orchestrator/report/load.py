"""Reads a study's results back from MLflow, and from nowhere else."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, cast

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
        return _assemble(client, study, shown, runs)
    except mlflow_error() as error:
        raise TrackingError(f"cannot read the tracking store {shown}: {error}") from error


def _nothing(study: str, store: str) -> TrackingError:
    return TrackingError(
        f"the tracking store {store} has nothing of study '{study}'. "
        f'Run "xenograft run {study}" first, or name another store with --tracking-uri.'
    )


def _all_runs(client: Any, experiment: str) -> list[Any]:
    runs: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], max_results=_PAGE, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _assemble(client: Any, study: str, store: str, runs: list[Any]) -> StudyResults:
    parents = [run for run in runs if run.data.tags.get(names.KIND) == "cell"]
    children: defaultdict[str, list[Any]] = defaultdict(list)
    for run in runs:
        if run.data.tags.get(names.KIND) == "trial":
            children[run.data.tags[names.PARENT_RUN]].append(run)
    parents.sort(key=lambda run: int(run.data.tags[names.PLANNED]), reverse=True)
    cells: list[CellResult] = []
    taken: dict[tuple[str, frozenset[tuple[str, str]]], CellResult] = {}
    superseded = 0
    for parent in parents:
        places = _places(parent.data.tags)
        keys = {(p.experiment, frozenset(p.levels.items())): p for p in places}
        kept = {key: place for key, place in keys.items() if key not in taken}
        superseded += len(keys) - len(kept)
        if kept:
            cell = _cell(client, parent, tuple(kept.values()), children[parent.info.run_id])
            cells.append(cell)
            taken.update(dict.fromkeys(kept, cell))
    cells.sort(key=lambda cell: cell.name)
    return StudyResults(
        study=study, store=store, cells=tuple(cells), superseded=superseded, by_place=taken
    )


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
    client: Any, parent: Any, places: tuple[PlaceResult, ...], children: list[Any]
) -> CellResult:
    tags = parent.data.tags
    objective = names.safe_name(tags[names.OBJECTIVE_METRIC])
    trials = [(run.data.tags[names.PHASE], _trial(client, run, objective)) for run in children]
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


def _trial(client: Any, run: Any, objective: str) -> TrialResult:
    tags, info = run.data.tags, run.info
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
        metrics=run.data.metrics,
        curve=_curve(client.get_metric_history(info.run_id, objective)),
        hours=hours if state != "running" else None,
        failure=tags.get(names.FAILURE, "") if state == "failed" else "",
        error=tags.get(names.ERROR, "") if state == "failed" else "",
    )


def _curve(history: list[Any]) -> Curve:
    # What run() returns comes later than the reports and at the last step: the first value of a
    # step is the one that was reported there.
    points: dict[int, float] = {}
    for metric in sorted(history, key=lambda m: (m.step, m.timestamp)):
        points.setdefault(metric.step, metric.value)
    return Curve(steps=tuple(points), values=tuple(points.values()))
