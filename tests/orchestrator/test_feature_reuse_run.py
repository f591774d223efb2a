"""A slice of the study on twins: trained cells, what is read from them, tables and figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from local_executor import open_queue

from orchestrator.plan import Plan, make_plan
from orchestrator.queue.cell_progress import Work
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.selection import Selection
from trainables.context import Context, Locations
from trainables.registry import config_from, load_trainable

ANALYSES = ("knn", "layer_importance", "l2", "cka")


def _plan(locations: Locations, experiments: tuple[str, ...], inits: tuple[str, ...] = ()) -> Plan:
    only = {"experiment": experiments, "model": ("resnet50",), "dataset": ("camelyon",)}
    only |= {"init": inits} if inits else {}
    selection = Selection(study="feature_reuse", smoke=True, recipe="paper", only=only)
    return make_plan(selection, locations)


def _run(queue: StudyQueue, work: Work, folder: Path, locations: Locations) -> dict[str, float]:
    def send(step: int, metrics: Mapping[str, float]) -> None:
        queue.on_report(work.trial, step, metrics)

    trials = folder / "trials"
    context = Context(
        trial_id=work.trial,
        seed=work.seed,
        folder=trials / work.trial,
        locations=locations,
        final=work.phase == "replicate",
        inputs={name: trials / trial / "artifacts" for name, trial in work.inputs.items()},
        send=send,
    )
    config = config_from(work.trainable, work.config)
    metrics = load_trainable(work.trainable).run(config, context)
    queue.on_complete(work.trial, metrics, f"trials/{work.trial}/artifacts")
    return metrics


def _run_all(plan: Plan, folder: Path, locations: Locations) -> dict[str, dict[str, float]]:
    queue = open_queue(plan, folder)
    names = {cell.id: cell.name for cell in plan.cells}
    found = {}
    while (work := queue.next_work()) is not None:
        found[names[work.cell]] = _run(queue, work, folder, locations)
    assert queue.finished
    return found


def test_analyses_read_the_cells_they_need_and_agree_with_them(
    locations: Locations, tmp_path: Path
) -> None:
    found = _run_all(_plan(locations, ANALYSES, ("ri",)), tmp_path, locations)
    levels = "model=resnet50/dataset=camelyon/init=ri"
    test = found[f"main/{levels}"]["test/roc_auc"]
    # What is read from a stored model is the model that was trained.
    assert found[f"layer_importance/{levels}"]["test/roc_auc"] == test
    assert found[f"l2/{levels}"]["l2/total"] > 0
    assert 0 < found[f"cka/{levels}"]["cka/mean"] <= 1 + 1e-9
    assert 0 <= found[f"knn/{levels}/state=initial"]["knn/backbone"] <= 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_models_from_weights_and_from_statistics_are_compared(
    locations: Locations, tmp_path: Path
) -> None:
    found = _run_all(_plan(locations, ("cka_wt_st",)), tmp_path, locations)
    assert sum(name.startswith("main/") for name in found) == 2
    mean = found["cka_wt_st/model=resnet50/dataset=camelyon"]["cka/mean"]
    (path,) = tmp_path.glob("trials/*/artifacts/layer_similarity.json")
    matrix = json.loads(path.read_text())["kind"]["all"]["wt-st"]
    assert math.isclose(sum(row[i] for i, row in enumerate(matrix)) / len(matrix), mean)
