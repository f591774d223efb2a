"""Methods with texts in whole runs: resumed, on two ranks, in half precision, and learning."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from check_trainable import Case, check_resume, run_trial
from clip_setting import CLIP, NAMES
from safetensors.torch import load_file
from spawned_ranks import spawn_ranks

from trainables import generalise
from trainables.config import BackboneRef, DataRef, canonical, from_mapping
from trainables.context import Context, Locations
from trainables.data.augmentation import Augmentation
from trainables.engine.config import OptimizerConfig
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.text_config import PromptConfig, TextConfig

ACTIVE = PromptConfig(placement="before_end")
BIOBERT = BackboneRef(card="biobert_twin", weights="twin")


def config(
    name: str,
    prompt: PromptConfig | None = None,
    encoder: BackboneRef | None = None,
    backbone: BackboneRef = CLIP,
    **changes: Any,
) -> generalise.Config:
    values: dict[str, Any] = {
        "steps": 3,
        "checkpoint_every": 3,
        "batch_size": 8,
        # Its steps are as large as the gradients are: a wrong scale would show.
        "optimizer": OptimizerConfig(name="sgd", lr=1e-3),
        **changes,
    }
    return generalise.Config(
        method=MethodConfig(
            name=name,
            backbone=backbone,
            text=TextConfig(class_names=NAMES, encoder=encoder),
            prompt=prompt or PromptConfig(),
        ),
        data=DataRef(name="fundus", limit=41),
        source_domains=("camera_0", "camera_1"),
        test_domains=("camera_2",),
        image_size_px=32,
        augment=Augmentation(),
        **values,
    )


RUNS = {
    "coop_lvt": config("coop_lvt"),
    "coop_lvt, active": config("coop_lvt", ACTIVE),
    "naive_clip, biobert": config("naive_clip", encoder=BIOBERT),
    "biobert_prompt": config("biobert_prompt", encoder=BIOBERT),
    "cocoop": config("cocoop"),
}


def test_a_config_with_texts_survives_json():
    for run in RUNS.values():
        written = json.loads(json.dumps(canonical(run)))
        assert from_mapping(generalise.Config, written) == run


def test_a_resumed_run_ends_as_an_uninterrupted_one(shared_locations, tmp_path):
    case = Case(config=config("coop_lvt", ACTIVE), objective="val/macro_f1_fixed", steps=2)
    whole = run_trial(case, tmp_path / "whole", shared_locations)
    check_resume(case, whole, tmp_path, shared_locations)


def test_zero_shot_is_evaluated_once(shared_locations, tmp_path):
    case = Case(config=config("zero_shot"), objective="val/macro_f1_fixed")
    outcome = run_trial(case, tmp_path / "trial", shared_locations)
    assert [step for step, _ in outcome.reports] == [1]
    assert 0 <= outcome.final["test/macro_f1_fixed"] <= 1


@pytest.mark.parametrize("name", ["coop_lvt, active", "biobert_prompt", "cocoop"])
def test_half_precision_trains(name, shared_locations, tmp_path):
    half = dataclasses.replace(RUNS[name], precision="bf16", steps=2)
    outcome = run_trial(Case(config=half), tmp_path / "trial", shared_locations)
    assert all(metrics["train/loss"] > 0 for _, metrics in outcome.reports)


def test_naive_clip_and_coop_lvt_learn_what_sentences_to_point_at(shared_locations, tmp_path):
    twin = BackboneRef(card="clip_vit_b16_twin", weights="twin")
    for name in ("naive_clip", "coop_lvt"):
        learning = config(
            name,
            backbone=twin,
            steps=31,
            checkpoint_every=15,
            optimizer=OptimizerConfig(name="adamw", lr=3e-4),
        )
        outcome = run_trial(Case(config=learning), tmp_path / name, shared_locations)
        losses = [metrics["train/loss"] for _, metrics in outcome.reports]
        assert losses[-1] < 0.8 * losses[0], losses


def run(name: str, folder: Path, locations: Locations, rank: int, world: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    reports: list[dict[str, float]] = []

    def send(_step: int, metrics: Mapping[str, float]) -> None:
        reports.append({k: v for k, v in metrics.items() if not k.startswith("perf/")})

    context = Context(
        trial_id="ranks", seed=3, folder=folder / name, locations=locations, final=True,
        rank=rank, world_size=world, send=send,
    )  # fmt: skip
    return {"reports": reports, "final": generalise.run(RUNS[name], context)}


def rank_main(rank: int, folder: Path, locations: Locations) -> None:
    outcomes = {name: run(name, folder / "together", locations, rank, 2) for name in RUNS}
    (folder / f"rank-{rank}.json").write_text(json.dumps(outcomes))


@pytest.fixture(scope="module")
def outcomes(
    shared_locations: Locations, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("text_ranks")
    alone = {name: run(name, folder / "alone", shared_locations, 0, 1) for name in RUNS}
    spawn_ranks(rank_main, folder, shared_locations)
    ranks = [json.loads((folder / f"rank-{r}.json").read_text()) for r in range(2)]
    return folder, alone, ranks


@pytest.mark.integration
@pytest.mark.parametrize("name", RUNS)
def test_two_ranks_train_what_one_does(outcomes, name):
    folder, alone, ranks = outcomes
    one, two = (
        load_file(folder / side / name / "artifacts" / "model.safetensors")
        for side in ("alone", "together")
    )
    assert one.keys() == two.keys()
    for tensor in one:
        torch.testing.assert_close(two[tensor], one[tensor], atol=1e-5, rtol=1e-4)
    for rank in ranks:
        for ours, theirs in zip(alone[name]["reports"], rank[name]["reports"], strict=True):
            assert theirs == pytest.approx(ours, abs=1e-3)
        assert rank[name]["final"] == pytest.approx(alone[name]["final"], abs=1e-3)
