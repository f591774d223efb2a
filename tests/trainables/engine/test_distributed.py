"""Two ranks compute what one does. The ranks are real processes that talk through gloo."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from spawned_ranks import WORLD, spawn_ranks

from trainables import classify
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.open import open_split
from trainables.engine.classifier_files import load_classifier
from trainables.engine.config import OptimizerConfig
from trainables.engine.distributed import gather_rows, shard
from trainables.engine.evaluation import predict_logits
from trainables.models.head_config import HeadConfig

# 21 pictures of each split: an odd number to evaluate, and three steps of 7 to train.
CONFIG = classify.Config(
    backbone=BackboneRef(card="deit_s_twin", weights="random"),
    data=DataRef(name="fundus", domains=("camera_0",), limit=21),
    shift_domains=("camera_1",),
    epochs=1,
    batch_size=7,
    optimizer=OptimizerConfig(name="sgd", lr=0.05, weight_decay=1e-3),
    clip_norm=5.0,
    val_every=0.5,
)


# Its batch norms see other pictures on every rank.
WITH_NORMS = dataclasses.replace(
    CONFIG, backbone=BackboneRef(card="resnet50_twin", weights="random"), image_size_px=40
)

# Raw tokens leave the final norm and the projection of its backbone without a gradient.
WITH_TOKENS = dataclasses.replace(
    CONFIG,
    backbone=BackboneRef(card="clip_vit_b16_twin", weights="random"),
    head=HeadConfig(name="deit", backbone=BackboneRef(card="deit_t_twin", weights="random")),
    val_batches="full_batches_shuffled",
)


def run(
    folder: Path,
    locations: Locations,
    rank: int,
    world_size: int,
    config: classify.Config = CONFIG,
) -> dict[str, Any]:
    torch.set_num_threads(1)
    reports: list[dict[str, float]] = []

    def send(_step: int, metrics: Mapping[str, float]) -> None:
        reports.append({k: v for k, v in metrics.items() if not k.startswith("perf/")})

    context = Context(
        trial_id="ddp",
        seed=3,
        folder=folder,
        locations=locations,
        final=True,
        rank=rank,
        world_size=world_size,
        send=send,
    )
    final = classify.run(config, context)
    return {"reports": reports, "final": final}


def rank_main(rank: int, folder: Path, locations: Locations) -> None:
    outcome = run(folder / "trial", locations, rank, WORLD)
    run(folder / "norms", locations, rank, WORLD, WITH_NORMS)
    run(folder / "tokens", locations, rank, WORLD, WITH_TOKENS)
    for cases in (1, 2, 5):  # one case leaves the second rank without any
        rows = shard(cases, context_of(rank)).float()[:, None] * torch.tensor([[1.0, 10.0]])
        outcome[f"gathered {cases}"] = gather_rows(rows, cases, context_of(rank)).tolist()
    (folder / f"rank-{rank}.json").write_text(json.dumps(outcome))


def context_of(rank: int) -> Context:
    nowhere = Path("unused")
    places = Locations(data=nowhere, weights=nowhere, store=nowhere)
    return Context(
        trial_id="x", seed=0, folder=nowhere, locations=places, rank=rank, world_size=WORLD
    )


@pytest.fixture(scope="module")
def outcomes(
    shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("ddp")
    alone = run(folder / "alone", shared_locations, rank=0, world_size=1)
    run(folder / "alone_tokens", shared_locations, 0, 1, WITH_TOKENS)
    spawn_ranks(rank_main, folder, shared_locations)
    ranks = [json.loads((folder / f"rank-{r}.json").read_text()) for r in range(WORLD)]
    return folder, alone, ranks


pytestmark = pytest.mark.integration

Outcomes = tuple[Path, dict[str, Any], list[dict[str, Any]]]


@pytest.mark.parametrize(("alone", "together"), [("alone", "trial"), ("alone_tokens", "tokens")])
def test_two_ranks_train_the_same_weights_as_one(
    outcomes: Outcomes, alone: str, together: str
) -> None:
    folder, _, _ = outcomes
    one = load_file(folder / alone / "artifacts/model.safetensors")
    two = load_file(folder / together / "artifacts/model.safetensors")
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(two[name], one[name], atol=1e-5, rtol=1e-4)


def test_two_ranks_report_the_same_metrics_as_one(outcomes: Outcomes) -> None:
    _, alone, ranks = outcomes
    for rank in ranks:
        assert rank["reports"][0] == pytest.approx(alone["reports"][0], abs=1e-5)
        assert rank["final"] == pytest.approx(alone["final"], abs=1e-5)


def test_gathered_rows_are_all_cases_in_order(outcomes: Outcomes) -> None:
    for rank in outcomes[2]:
        for cases in (1, 2, 5):
            assert rank[f"gathered {cases}"] == [[i, 10.0 * i] for i in range(cases)]


def test_every_rank_is_tested_with_the_model_that_is_saved(
    outcomes: Outcomes, shared_locations: Locations
) -> None:
    artifacts = outcomes[0] / "norms" / "artifacts"
    model, spec = load_classifier(artifacts, shared_locations)
    context = Context.local(outcomes[0], shared_locations)
    images = open_split(WITH_NORMS.data, "test", context)
    logits_nk, _ = predict_logits(model, images, spec.transform, 7, "fp32", context)
    rows = pq.read_table(artifacts / "predictions.parquet").to_pylist()
    tested = torch.tensor([row["logits"] for row in rows if row["domain"] == "camera_0"])
    torch.testing.assert_close(tested, logits_nk, atol=1e-4, rtol=1e-4)
