"""Ready-made views of a study in the UI of MLflow: its cells, its replicates, each kind of search.

The UI lists them under "Views". It keeps a view as a tag of the experiment; the format is that of
MLflow 3.17, and a version that does not know it shows the experiment as ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.events import CellEvent
from orchestrator.tracking import names
from orchestrator.tracking.names import safe_name

_TAG = "mlflow.sharedViewState.xenograft-"
_CHART = "xenograft-parallel"
_MAX_TAG = 5000  # characters, of MLflow's database
_DATASET = "attributes.`Dataset`"


def study_views(cells: Iterable[CellEvent], made: int) -> dict[str, str]:
    """Return the tags of an experiment that hold the views of its cells.

    Args:
        made: when, in ms.
    """
    cells = list(cells)
    levels = _unique(names.LEVEL + f for c in cells for p in c.places[:1] for f in p["levels"])
    metrics = _unique(place["metric"] for cell in cells for place in cell.places)
    columns = [_column("tags", name) for name in levels]
    columns += [_column("metrics", name) for name in metrics]
    views = {
        "cells": _view(
            "1 Cells: the numbers of the tables",
            {names.KIND: "cell"},
            [_DATASET, *columns, _column("metrics", names.N)],
            order="tags.`mlflow.runName`",
        ),
        "replicates": _view(
            "2 Replicates: the seeds of each cell",
            {names.PHASE: "replicate"},
            [
                *columns,
                _column("metrics", names.OBJECTIVE),
                _column("tags", names.SEED),
                _column("tags", names.MODEL),
            ],
            order=_column("tags", names.CELL),
        ),
    }
    for cell in cells:
        if cell.space:
            text = searched_text(cell.space)
            name = f"search-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
            views[name] = _search_view(cell, text)
    tags = {_TAG + name: _envelope(made=made, **view) for name, view in views.items()}
    return {name: value for name, value in tags.items() if len(value) <= _MAX_TAG}


def searched_text(keys: Iterable[str]) -> str:
    """Return what the trials of one kind of search have as a tag, to be filtered by."""
    return ", ".join(sorted(keys))


def _search_view(cell: CellEvent, text: str) -> dict[str, Any]:
    params = [safe_name(key) for key in sorted(cell.space)]
    columns = [_column("params", name) for name in params]
    chart = {
        "uuid": _CHART,
        "type": "PARALLEL",
        "runsCountToCompare": 10,
        "metricSectionId": _CHART,
        "deleted": False,
        "isGenerated": False,
        "displayName": f"{text} and the objective",
        "selectedParams": params,
        "selectedMetrics": [names.OBJECTIVE],
        "showAllRuns": True,
    }
    section = {"uuid": _CHART, "name": "What was searched", "display": True, "isReordered": True}
    return _view(
        f"3 Search of {text}",
        {names.PHASE: "search", names.SEARCHED: text},
        [*columns, _column("metrics", names.OBJECTIVE), _column("tags", names.STATE)],
        order=_column("metrics", names.OBJECTIVE),
        ascending=cell.objective["mode"] == "min",
        runsHiddenMode="SHOW_ALL",
        compareRunCharts=[chart],
        compareRunSections=[section],
        isAccordionReordered=True,  # or the UI sorts sections by name, and this one comes last
    )


def _view(
    name: str,
    filters: Mapping[str, str],
    columns: Sequence[str],
    *,
    order: str,
    ascending: bool = True,
    **charts: Any,
) -> dict[str, Any]:
    """Return a view.

    Args:
        order: any column but the date: sorted by that, the UI folds trials into their cells.
    """
    state = {
        "searchFilter": " and ".join(f"tags.`{key}` = '{text}'" for key, text in filters.items()),
        "orderByKey": order,
        "orderByAsc": ascending,
        "selectedColumns": columns,
        **charts,
    }
    return {"name": name, "state": state}


def _envelope(*, name: str, state: Mapping[str, Any], made: int) -> str:
    text = json.dumps(state, separators=(",", ":"))
    return json.dumps({"name": name, "createdAt": made, "updatedAt": made, "state": text})


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{safe_name(name)}`"


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
