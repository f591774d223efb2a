"""Language-shaped learning: its loss, its triplets, what it keeps, two ranks that train as one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from spawned_ranks import WORLD, spawn_ranks

from trainables import lsl
from trainables.alignment.margin_loss import margin_loss
from trainables.alignment.openclip_folder import load_aligned, save_aligned
from trainables.alignment.pair_model import create_pair_model
from trainables.alignment.triplets import held_out_triplets, training_triplets
from trainables.concepts.knowledge import annotated_concepts
from trainables.concepts.samples import sample_concepts
from trainables.config import BackboneRef, DataRef, seed_from
from trainables.context import Context, Locations
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform
from trainables.engine.config import OptimizerConfig
from trainables.engine.sampling import global_batches
from trainables.errors import ConfigError, DatasetError

CLIP = BackboneRef(card="clip_vit_b16_twin", weights="random")
CONFIG = lsl.Config(
    backbone=CLIP,
    data=DataRef(name="lesion_findings_twin", limit=420),
    epochs=2,
    batch_size=12,
    optimizer=OptimizerConfig(name="adam", lr=1e-3, weight_decay=1e-2),
    train_examples=6,
    image_size_px=16,
)


def run(
    config: lsl.Config,
    folder: Path,
    places: Locations,
    rank: int = 0,
    world: int = 1,
    inputs: Mapping[str, Path] | None = None,
    final: bool = True,
) -> dict[str, Any]:
    torch.set_num_threads(1)
    reports: list[dict[str, float]] = []

    def send(_step: int, metrics: Mapping[str, float]) -> None:
        reports.append({k: v for k, v in metrics.items() if not k.startswith("perf/")})

    context = Context(
        trial_id="lsl", seed=3, folder=folder, locations=places, final=final,
        inputs=inputs or {}, rank=rank, world_size=world, send=send,
    )  # fmt: skip
    return {"reports": reports, "final": lsl.run(config, context)}


def samples_of(config: lsl.Config, context: Context) -> tuple[Any, Any]:
    images = open_split(config.data, "train", context)
    concepts = annotated_concepts(images, config.knowledge, context.locations)
    found = sample_concepts(
        concepts, "x", config.max_examples, config.train_examples, config.least_held_out
    )
    return images, found


def test_the_loss_is_that_of_the_published_vector() -> None:
    cosine = torch.tensor([0.9, 0.5, -0.2, 0.3, -0.4])
    shown = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])
    assert float(margin_loss(cosine, shown, 0.6)) == pytest.approx(0.16)


def test_beyond_the_margin_nothing_pulls_and_what_is_not_shown_is_always_pushed() -> None:
    cosine = torch.tensor([0.61, 0.59, -0.99], requires_grad=True)
    margin_loss(cosine, torch.tensor([1.0, 1.0, 0.0]), 0.6).backward()  # type: ignore[no-untyped-call]
    assert cosine.grad is not None
    assert cosine.grad.tolist() == pytest.approx([0, -1 / 3, 1 / 3])


def test_triplets_are_the_pictures_grounding_learns_and_judges_by(
    shared_locations: Locations, tmp_path: Path
) -> None:
    images, samples = samples_of(CONFIG, Context.local(tmp_path, shared_locations))
    for made, sides in (
        (training_triplets(images, samples), ("train_positive", "train_negative")),
        (held_out_triplets(images, samples), ("val_positive", "val_negative")),
    ):
        rows = zip(made.picture_n, made.concept_n, made.shown_n, strict=True)
        found = {(int(p), made.concepts[int(c)], int(y)) for p, c, y in rows}
        assert len(found) == len(made)
        assert found == {
            (row, name, y)
            for name, sample in samples.items()
            for y, side in ((1, sides[0]), (0, sides[1]))
            for row in getattr(sample, side)
        }


def test_epochs_are_those_of_a_loop_written_by_hand(
    shared_locations: Locations, tmp_path: Path
) -> None:
    """Adam with decay added to every gradient; the evaluation transform; means over held-out."""
    outcome = run(CONFIG, tmp_path / "trial", shared_locations)
    context = Context.local(tmp_path / "hand", shared_locations, seed=3)
    images, samples = samples_of(CONFIG, context)
    train, val = training_triplets(images, samples), held_out_triplets(images, samples)
    model = create_pair_model(CLIP, shared_locations, seed=3, image_size_px=16)
    transform = load_aligned(tmp_path / "trial/artifacts").transform.build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-2)

    def cosines(made: Any, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.stack([transform(images.image(int(made.picture_n[i]))) for i in indices])
        asked = [made.concepts[int(made.concept_n[i])] for i in indices]
        pictures, questions = model.images(x), model.texts(model.texts.token_ids(asked))
        return torch.cosine_similarity(pictures, questions), made.shown_n[indices]

    for epoch in (1, 2):
        losses = []
        for indices in global_batches(len(train), 12, seed_from(3, "epoch", epoch)):
            s, y = cosines(train, indices)
            loss = torch.where(y == 1, (0.6 - s).relu(), s).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += [float(loss.detach())] * len(indices)
        with torch.no_grad():
            s, y = cosines(val, torch.arange(len(val)))
        report = outcome["reports"][epoch - 1]
        assert report["train/loss"] == pytest.approx(sum(losses) / len(losses), abs=1e-4)
        expected = float(torch.where(y == 1, (0.6 - s).relu(), s).mean())
        assert report["val/loss"] == pytest.approx(expected, abs=2e-4)


def test_what_is_kept_is_the_epoch_of_the_lowest_held_out_loss(
    shared_locations: Locations, tmp_path: Path
) -> None:
    config = dataclasses.replace(CONFIG, epochs=4, optimizer=OptimizerConfig(name="adam", lr=0.03))
    outcome = run(config, tmp_path, shared_locations)
    losses = [report["val/loss"] for report in outcome["reports"]]
    assert outcome["final"]["chosen/epoch"] == losses.index(min(losses)) + 1
    assert outcome["final"]["chosen/loss"] == pytest.approx(min(losses), abs=1e-6)


def test_a_search_trial_leaves_nothing(shared_locations: Locations, tmp_path: Path) -> None:
    assert run(CONFIG, tmp_path, shared_locations, final=False)["final"] == {}
    assert not (tmp_path / "artifacts").exists()


def test_towers_of_another_cell_are_trained_on_with_their_own_mean_and_sd(
    shared_locations: Locations, tmp_path: Path
) -> None:
    transform = EvalTransform(
        size_px=16, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2), resize="center_crop"
    )
    given = tmp_path / "clip"
    given.mkdir()
    model = create_pair_model(CLIP, shared_locations, seed=9, image_size_px=16)
    save_aligned(given, model, transform, CONFIG, {})
    config = dataclasses.replace(CONFIG, epochs=1, optimizer=OptimizerConfig(name="adam", lr=1e-4))
    run(config, tmp_path / "trial", shared_locations, inputs={"clip": given})
    trained = load_aligned(tmp_path / "trial/artifacts")
    assert trained.transform == transform
    moved = {
        name: float((tensor - model.images.trunk.state_dict()[name]).abs().max())
        for name, tensor in trained.images.trunk.state_dict().items()
    }
    assert 0 < max(moved.values()) < 0.05
    assert moved["proj"] > 0
    texts = model.texts.tower.state_dict()
    for name, tensor in trained.texts.tower.state_dict().items():
        same = torch.equal(tensor, texts[name])
        # The temperature takes no part: cosines are compared as they are.
        assert same == (name in ("logit_scale", "attn_mask")), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin": 1.5}, "margin"),
        ({"backbone": BackboneRef(card="resnet50_twin")}, "no text tower of CLIP"),
        ({"backbone": BackboneRef(card="clip_vit_b16_twin", output_block=1)}, "trained whole"),
        ({"optimizer": OptimizerConfig()}, "must be adam"),
        ({"max_examples": 199}, "max_examples"),
        ({"train_examples": 1}, "train_examples"),
        ({"image_size_px": 0}, "image_size_px"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CONFIG, **changes)


def test_the_defaults_are_the_papers() -> None:
    config = lsl.Config(backbone=CLIP, data=CONFIG.data)
    fitted = config.fit_config()
    assert (config.margin, fitted.epochs, fitted.batch_size) == (0.6, 20, 64)
    assert (fitted.optimizer.name, fitted.optimizer.lr) == ("adam", 1e-6)
    assert fitted.optimizer.weight_decay == 1e-6
    assert fitted.schedule.name == "constant"


def test_a_set_too_small_for_any_concept_is_refused_here(
    shared_locations: Locations, tmp_path: Path
) -> None:
    config = dataclasses.replace(CONFIG, data=DataRef(name="lesion_findings_twin", limit=50))
    with pytest.raises(DatasetError, match=r"data\.limit"):
        run(config, tmp_path, shared_locations)


def rank_main(rank: int, folder: Path, places: Locations) -> None:
    outcome = run(CONFIG, folder / "together", places, rank, WORLD)
    (folder / f"rank-{rank}.json").write_text(json.dumps(outcome))


@pytest.mark.integration
def test_two_ranks_learn_the_same_towers_as_one(
    tmp_path: Path, shared_locations: Locations
) -> None:
    alone = run(CONFIG, tmp_path / "alone", shared_locations)
    spawn_ranks(rank_main, tmp_path, shared_locations)
    one, two = (
        load_file(tmp_path / name / "artifacts/open_clip_model.safetensors")
        for name in ("alone", "together")
    )
    for key in one:
        # Attention does not see the bias of keys: its gradient is rounding, on which Adam steps.
        if "in_proj_bias" not in key:
            torch.testing.assert_close(two[key], one[key], atol=5e-4, rtol=1e-3)
    for rank in range(WORLD):
        outcome = json.loads((tmp_path / f"rank-{rank}.json").read_text())
        for found, expected in zip(outcome["reports"], alone["reports"], strict=True):
            assert found == pytest.approx(expected, abs=1e-4)
