"""Two ranks train as one does, also where a loss is no mean over pictures. Ranks talk gloo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from spawned_ranks import WORLD, spawn_ranks

from trainables import generalise
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.augmentation import Augmentation
from trainables.engine.config import OptimizerConfig
from trainables.generalisation.config import InvarianceConfig, LossConfig, MethodConfig
from trainables.generalisation.gathering import gather

NAMES = ("erm", "linear_probe", "irm", "vrex", "group_dro", "mixup", "mmd", "coral")
LOSS = LossConfig(name="focal", class_weights=(0.5, 1.0, 1.0, 1.0, 1.0))

pytestmark = pytest.mark.integration


def config(name: str) -> generalise.Config:
    return generalise.Config(
        method=MethodConfig(
            name=name,
            backbone=BackboneRef(card="resnet18_twin", weights="random"),
            loss=LOSS,
            invariance=InvarianceConfig(anneal_steps=2, irm_weight=5.0, group_dro_eta=1.0),
            freeze_norms=True,
        ),
        data=DataRef(name="fundus", limit=41),
        source_domains=("camera_0", "camera_1"),
        test_domains=("camera_2",),
        steps=4,
        checkpoint_every=3,
        batch_size=8,
        image_size_px=32,
        # Its steps are as large as the gradients are: a wrong scale would show.
        optimizer=OptimizerConfig(name="sgd", lr=0.02),
        augment=Augmentation(),
        clip_norm=5.0,
    )


def run(name: str, folder: Path, locations: Locations, rank: int, world: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    reports: list[dict[str, float]] = []

    def send(_step: int, metrics: Mapping[str, float]) -> None:
        reports.append({k: v for k, v in metrics.items() if not k.startswith("perf/")})

    context = Context(
        trial_id="ranks", seed=3, folder=folder / name, locations=locations, final=True,
        rank=rank, world_size=world, send=send,
    )  # fmt: skip
    return {"reports": reports, "final": generalise.run(config(name), context)}


def rank_main(rank: int, folder: Path, locations: Locations) -> None:
    outcomes = {name: run(name, folder / "together", locations, rank, WORLD) for name in NAMES}
    outcomes["gathered"] = gathered(rank)
    (folder / f"rank-{rank}.json").write_text(json.dumps(outcomes))


def gathered(rank: int) -> dict[str, Any]:
    """Gather rows 0 to 5 of a batch and return the gradient of the sum of their cubes."""
    nowhere = Path("unused")
    places = Locations(data=nowhere, weights=nowhere, store=nowhere)
    context = Context(
        trial_id="x", seed=0, folder=nowhere, locations=places, rank=rank, world_size=WORLD
    )
    rows = torch.arange(6.0)[rank::WORLD].requires_grad_()
    whole = gather(rows, context)
    torch.autograd.backward((whole**3).sum())
    assert rows.grad is not None
    return {"rows": whole.tolist(), "grad": rows.grad.tolist()}


@pytest.fixture(scope="module")
def outcomes(
    shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("domain_ranks")
    alone = {name: run(name, folder / "alone", shared_locations, 0, 1) for name in NAMES}
    spawn_ranks(rank_main, folder, shared_locations)
    ranks = [json.loads((folder / f"rank-{r}.json").read_text()) for r in range(WORLD)]
    return folder, alone, ranks


Outcomes = tuple[Path, dict[str, Any], list[dict[str, Any]]]


@pytest.mark.parametrize("name", NAMES)
def test_two_ranks_train_the_same_weights_as_one(outcomes: Outcomes, name: str) -> None:
    folder = outcomes[0]
    one, two = (
        load_file(folder / side / name / "artifacts" / "model.safetensors")
        for side in ("alone", "together")
    )
    assert one.keys() == two.keys()
    for tensor in one:
        torch.testing.assert_close(two[tensor], one[tensor], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_two_ranks_report_the_same_metrics_as_one(outcomes: Outcomes, name: str) -> None:
    _, alone, ranks = outcomes
    for rank in ranks:
        assert len(rank[name]["reports"]) == 2
        for one, other in zip(alone[name]["reports"], rank[name]["reports"], strict=True):
            assert other == pytest.approx(one, abs=1e-5)
        assert rank[name]["final"] == pytest.approx(alone[name]["final"], abs=1e-5)


def test_gathered_rows_are_the_batch_and_their_mean_gradient_its_own(outcomes: Outcomes) -> None:
    whole = torch.arange(6.0, requires_grad=True)
    torch.autograd.backward((whole**3).sum())
    assert whole.grad is not None
    for rank, found in enumerate(outcomes[2]):
        assert found["gathered"]["rows"] == whole.tolist()
        # DDP averages over the ranks, of which only this one has these rows.
        own = [slope / WORLD for slope in found["gathered"]["grad"]]
        assert own == whole.grad[rank::WORLD].tolist()
