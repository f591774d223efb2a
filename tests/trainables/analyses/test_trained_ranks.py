"""Two ranks find what one does. The ranks are real processes that talk through gloo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from spawned_ranks import WORLD, spawn_ranks
from trained_cells import DATA, fine_tune

from trainables import (
    embedding_knn,
    embedding_similarity,
    layer_knn,
    layer_reinit,
    layer_similarity,
)
from trainables.context import Context, Locations
from trainables.registry import load_trainable

COMMON = {"data": DATA, "selection_metric": "val/accuracy", "batch_size": 8}
ANALYSES = (
    embedding_knn.Config(**COMMON, k=5),
    embedding_similarity.Config(**COMMON),
    layer_knn.Config(**COMMON, k=5),
    layer_reinit.Config(**COMMON),
    layer_similarity.Config(**COMMON),
)

pytestmark = pytest.mark.integration


def analyse(
    folder: Path, locations: Locations, model: Path, rank: int, world_size: int
) -> list[dict[str, float]]:
    torch.set_num_threads(1)
    found: list[dict[str, float]] = []
    for config in ANALYSES:
        context = Context.local(folder / config.trainable, locations)
        context.rank, context.world_size = rank, world_size
        context.inputs = {"model": model, "other": model}
        context.send = lambda _step, metrics: found.append(
            {k: v for k, v in metrics.items() if k.startswith("val/")}
        )
        found.append(load_trainable(config.trainable).run(config, context))
    return found


def rank_main(rank: int, folder: Path, locations: Locations, model: Path) -> None:
    found = analyse(folder / "together", locations, model, rank, WORLD)
    (folder / f"rank-{rank}.json").write_text(json.dumps(found))


def test_two_ranks_report_and_return_what_one_does(
    tmp_path: Path, shared_locations: Locations
) -> None:
    model = fine_tune("resnet50_twin", tmp_path / "model", shared_locations).artifacts
    alone = analyse(tmp_path / "alone", shared_locations, model, 0, 1)
    spawn_ranks(rank_main, tmp_path, shared_locations, model)
    for rank in range(WORLD):
        found = json.loads((tmp_path / f"rank-{rank}.json").read_text())
        assert len(found) == len(alone) == 2 * len(ANALYSES)
        for two, one in zip(found, alone, strict=True):
            assert two == pytest.approx(one, abs=1e-5, nan_ok=True)
    names = {path.name for path in (tmp_path / "together").rglob("*.json")}
    assert {"layer_knn.json", "layer_reinit.json", "layer_similarity.json"} <= names
