"""Results made in memory, for tests of tables and figures that need no tracking store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.report import Findings
from orchestrator.report.results import (
    CellResult,
    Curve,
    DataSource,
    PlaceResult,
    StudyResults,
    TrialResult,
)
from orchestrator.report.study_figures import ReportFigure, study_figures
from search_spaces.figures import HeatMaps
from search_spaces.study import (
    Experiment,
    Factor,
    Objective,
    Published,
    Recipe,
    Study,
)
from trainables import knn
from trainables.config import BackboneRef, DataRef

METRIC = "test/accuracy"
Levels = Mapping[str, str]


def recipe(levels: Levels) -> Recipe | None:
    del levels
    return Recipe(
        config=knn.Config(backbone=BackboneRef(card="resnet50"), data=DataRef(name="fundus")),
        objective=Objective(metric="val/accuracy"),
        metric=METRIC,
    )


def experiment(name: str, factors: Mapping[str, Sequence[str]], **more: Any) -> Experiment:
    return Experiment(
        name=name,
        title=f"Table of {name}",
        factors=tuple(Factor(name=f, levels=tuple(levels)) for f, levels in factors.items()),
        configure=recipe,
        **more,
    )


def study(*experiments: Experiment, **more: Any) -> Study:
    return Study(name="made", title="Made", paper="None", experiments=experiments, **more)


def published(value: float) -> Published:
    return Published(value=value, source="Figure 1")


def replicate(index: int, run: str, metrics: Mapping[str, float], steps: int = 1) -> TrialResult:
    return TrialResult(
        trial=run,
        run_id=run,
        index=index,
        seed=index,
        state="complete",
        value=0.5,
        params={},
        config={"optimizer.lr": 0.01 * (index + 1)},
        metrics=metrics,
        curve=Curve(steps=tuple(range(1, steps + 1)), values=(0.5,) * steps),
        hours=0.1,
    )


def cell(
    name: str,
    levels: Levels,
    replicates: Sequence[Mapping[str, float]],
    *,
    state: str = "complete",
    kind: str = "real",
    steps: int = 1,
) -> CellResult:
    key = "/".join([name, *(f"{k}={v}" for k, v in levels.items())])
    return CellResult(
        cell=hashlib.sha256(key.encode()).hexdigest()[:16],
        run_id=key,
        name=key,
        planned=1_700_000_000_000,
        state=state,  # type: ignore[arg-type]
        reason="",
        recipe="paper",
        trainable="knn",
        version=1,
        objective="val/accuracy",
        mode="max",
        places=(PlaceResult(experiment=name, levels=levels, metric=METRIC),),
        replicates=tuple(
            replicate(k, f"{key}#{k}", metrics, steps) for k, metrics in enumerate(replicates)
        ),
        search=(),
        failed=(),
        chosen={},
        data=(DataSource(name="fundus", digest="d", kind=kind, source="made"),),
        weights=(),
        provenance={},
        selection={},
    )


def accuracies(*values: float) -> list[dict[str, float]]:
    return [{METRIC: value} for value in values]


def results(*cells: CellResult, read_json: Callable[[str, str], Any] | None = None) -> StudyResults:
    places = {(p.experiment, frozenset(p.levels.items())): c for c in cells for p in c.places}
    more = {} if read_json is None else {"read_json": read_json}
    return StudyResults(study="made", store="memory", cells=cells, by_place=places, **more)


def drawn(results: StudyResults, study: Study) -> list[ReportFigure]:
    return list(study_figures(Findings(results=results, study=study)))


MATRIX = HeatMaps(
    name="m", title="Similarity", artifact="sim.json", matrices=("a-b",), panels=("model",)
)


def artifact(values: list[list[float | None]]) -> dict[str, Any]:
    return {"layers": ["blocks.0", "blocks.1"], "kind": {"all": {"a-b": values}}}
