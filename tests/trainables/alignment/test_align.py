"""Fine-tuning of CLIP: its recipe, what it keeps, and two ranks that train as one."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from spawned_ranks import WORLD, spawn_ranks
from tiny_corpus import COLOURS, rows_of, write_corpus

from trainables import align
from trainables.alignment.captions import Pairs
from trainables.alignment.openclip_folder import load_aligned
from trainables.alignment.pair_batches import pair_batches
from trainables.alignment.pair_model import create_pair_model
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.augmentation import Augmentation
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform
from trainables.engine.config import OptimizerConfig
from trainables.engine.optimizer import create_optimizer
from trainables.errors import ConfigError, DatasetError

CONFIG = align.Config(
    backbone=BackboneRef(card="clip_vit_b16_twin", weights="random"),
    data=DataRef(name="isic_findings"),
    epochs=2,
    batch_size=12,
    optimizer=OptimizerConfig(lr=1e-3, weight_decay=0.2),
    image_size_px=16,
    val_batch_size=6,
    augment=Augmentation(),
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Locations:
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(root / "data", rows_of(n_train=24, n_val=7), size_px=20)
    return Locations(data=root / "data", weights=root / "weights", store=root / "store")


def run(
    config: align.Config,
    folder: Path,
    places: Locations,
    rank: int = 0,
    world: int = 1,
    final: bool = True,
) -> dict[str, Any]:
    torch.set_num_threads(1)
    reports: list[dict[str, float]] = []

    def send(_step: int, metrics: Mapping[str, float]) -> None:
        reports.append({k: v for k, v in metrics.items() if not k.startswith("perf/")})

    context = Context(
        trial_id="align", seed=3, folder=folder, locations=places, final=final,
        rank=rank, world_size=world, send=send,
    )  # fmt: skip
    return {"reports": reports, "final": align.run(config, context)}


def test_towers_learn_which_caption_belongs_to_which_picture(
    tmp_path: Path, places: Locations
) -> None:
    config = dataclasses.replace(CONFIG, epochs=8, optimizer=OptimizerConfig(lr=2e-3))
    outcome = run(config, tmp_path, places)
    losses = [report["val/contrastive_loss"] for report in outcome["reports"]]
    # Several captions fit a picture equally well, so there is a bound above 0.
    assert min(losses) < losses[0] - 0.2
    best = load_aligned(tmp_path / "artifacts")
    apply = best.transform.build()
    texts_nd = best.texts.encode_texts([f"{colour} spot" for colour in COLOURS])
    val = open_split(config.data, "val", Context.local(tmp_path, places))
    vectors_nd = torch.cat([best.images(apply(val.image(i))[None]) for i in range(len(val))])
    found = (vectors_nd @ texts_nd.T).argmax(dim=1)
    assert float((found == (torch.arange(len(val)) + 24) % 3).float().mean()) > 0.8


def test_what_is_kept_is_the_epoch_of_the_lowest_validation_loss(
    tmp_path: Path, places: Locations
) -> None:
    # A rate that throws the towers about.
    config = dataclasses.replace(CONFIG, epochs=4, optimizer=OptimizerConfig(lr=0.02))
    outcome = run(config, tmp_path, places)
    losses = [report["val/contrastive_loss"] for report in outcome["reports"]]
    final = outcome["final"]
    assert final["chosen/epoch"] == losses.index(min(losses)) + 1
    assert final["chosen/contrastive_loss"] == pytest.approx(min(losses), abs=1e-6)
    assert final["chosen/pairs"] == 48


def test_the_first_steps_are_those_of_a_loop_written_by_hand(
    tmp_path: Path, places: Locations
) -> None:
    """OpenCLIP's recipe: AdamW (0.9, 0.98, 1e-6), warm-up then cosine, the scale bounded."""
    config = dataclasses.replace(CONFIG, epochs=1, warmup_steps=2)
    outcome = run(config, tmp_path, places)
    context = Context.local(tmp_path, places, seed=3)
    model = create_pair_model(config.backbone, places, seed=3, image_size_px=16)
    plain = [p for n, p in model.named_parameters() if p.dim() < 2 or "bias" in n]
    decayed = [p for n, p in model.named_parameters() if not (p.dim() < 2 or "bias" in n)]
    groups = [{"params": decayed, "weight_decay": 0.2}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), eps=1e-6)
    pairs = Pairs.of(open_split(config.data, "train", context), "findings")
    losses = []
    for step, indices in enumerate(order_of(context, len(pairs))):
        lr = (
            1e-3 * (step + 1) / 2 if step < 2 else 0.5e-3 * (1 + math.cos(math.pi * (step - 2) / 2))
        )
        for group in optimizer.param_groups:
            group["lr"] = lr
        transform = EvalTransform(
            size_px=16,
            mean=model.images.card.mean,
            std=model.images.card.std,
            interpolation="bicubic",
            resize="center_crop",
        )
        [batch] = pair_batches(pairs, model.texts, transform, [indices], context)
        found = model(batch.x_nchw, batch.ids_nt)
        scores = found.scale * found.images_nd @ found.texts_nd.T
        loss = -(scores.log_softmax(0) + scores.log_softmax(1)).diagonal().mean() / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            model.log_scale.clamp_(0, math.log(100))
        losses.append(float(loss.detach()))
    assert len(losses) == 4
    assert outcome["reports"][0]["train/loss"] == pytest.approx(sum(losses) / 4, rel=1e-5)
    trained = load_file(tmp_path / "artifacts/open_clip_model.safetensors")
    for name, tensor in model.images.trunk.state_dict().items():
        torch.testing.assert_close(trained[f"visual.{name}"], tensor, atol=2e-5, rtol=1e-4)


def order_of(context: Context, cases: int) -> list[torch.Tensor]:
    from trainables.config import seed_from
    from trainables.engine.sampling import global_batches

    return global_batches(cases, 12, seed_from(context.seed, "epoch", 1), drop_last=True)


def test_decay_spares_what_open_clip_spares(places: Locations) -> None:
    model = create_pair_model(CONFIG.backbone, places, seed=0, image_size_px=16)
    optimizer = create_optimizer(model, OptimizerConfig(weight_decay=0.2))
    spared = {id(p) for g in optimizer.param_groups if not g["weight_decay"] for p in g["params"]}
    for name, parameter in model.named_parameters():
        parts = ("bn", "ln", "bias", "logit_scale")
        expected = parameter.ndim < 2 or any(part in name for part in parts)
        assert (id(parameter) in spared) == expected, name


def test_the_temperature_stays_within_1_and_100(tmp_path: Path, places: Locations) -> None:
    config = dataclasses.replace(CONFIG, optimizer=OptimizerConfig(lr=3.0))
    reports = run(config, tmp_path, places, final=False)["reports"]
    temperatures = [report["train/temperature"] for report in reports]
    assert all(1 <= t <= 100.01 for t in temperatures)
    assert {1.0, 100.0} & {round(t, 2) for t in temperatures}


def test_reports_longer_than_the_text_tower_reads_are_trained_on(tmp_path: Path) -> None:
    rows = rows_of(n_train=12, n_val=4)
    for row in rows:
        row["report"] += " Nothing else is seen." * 30
    write_corpus(tmp_path / "data", rows, size_px=20)
    long = Locations(data=tmp_path / "data", weights=tmp_path / "w", store=tmp_path / "store")
    config = dataclasses.replace(CONFIG, data=DataRef(name="isic_reports"), captions="report")
    reports = run(config, tmp_path / "trial", long)["reports"]
    assert all(math.isfinite(report["val/contrastive_loss"]) for report in reports)


def test_half_precision_trains_about_the_same(tmp_path: Path, places: Locations) -> None:
    whole = run(CONFIG, tmp_path / "whole", places, final=False)
    half = dataclasses.replace(CONFIG, precision="bf16")
    halved = run(half, tmp_path / "half", places, final=False)
    for name in ("train/loss", "val/contrastive_loss"):
        for found, expected in zip(halved["reports"], whole["reports"], strict=True):
            assert found[name] != expected[name]
            assert found[name] == pytest.approx(expected[name], abs=0.05)


def test_a_mean_and_sd_of_ones_own_are_kept_with_the_towers(
    tmp_path: Path, places: Locations
) -> None:
    config = dataclasses.replace(CONFIG, epochs=1, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    run(config, tmp_path, places)
    written = json.loads((tmp_path / "artifacts/open_clip_config.json").read_text())
    assert written["preprocess_cfg"]["mean"] == [0.5, 0.5, 0.5]
    assert load_aligned(tmp_path / "artifacts").images.card.std == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gather_with_grad": False}, "wrong gradients"),
        ({"backbone": BackboneRef(card="resnet50_twin")}, "no text tower of CLIP"),
        ({"backbone": BackboneRef(card="clip_vit_b16_twin", output_block=1)}, "trained whole"),
        ({"captions": "caption"}, "captions must be one of"),
        ({"optimizer": OptimizerConfig(name="sgd")}, "must be adamw"),
        ({"val_batch_size": 1}, "no negative"),
        ({"std": (0.5, 0.0, 0.5)}, "std must be > 0"),
        ({"image_size_px": 0}, "image_size_px must be >= 1"),
        ({"epochs": 0}, "epochs must be >= 1"),
        ({"warmup_steps": -1}, "warmup_steps must be >= 0"),
    ],
)
def test_configs_that_cannot_be_run_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CONFIG, **changes)


def test_the_warmup_is_a_tenth_of_the_run_unless_given() -> None:
    assert CONFIG.fit_config(steps_per_epoch=855).schedule.warmup_steps == 171
    fixed = dataclasses.replace(CONFIG, warmup_steps=10_000)
    assert fixed.fit_config(steps_per_epoch=855).schedule.warmup_steps == 10_000


def test_a_batch_that_ranks_cannot_share_is_refused(tmp_path: Path, places: Locations) -> None:
    with pytest.raises(ConfigError, match="batch_size=12 cannot be shared equally by 5 workers"):
        run(CONFIG, tmp_path, places, world=5)


def test_one_held_out_pair_is_not_enough(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    rows = rows_of(n_train=12, n_val=1)
    write_corpus(root, rows)
    lonely = Locations(data=root, weights=root, store=tmp_path / "store")
    config = dataclasses.replace(CONFIG, captions="joined", batch_size=4)
    with pytest.raises(DatasetError, match="val has one pair"):
        run(config, tmp_path / "trial", lonely)


# With so large an eps AdamW's steps are as large as the gradients: a wrong scale would show.
SHARED = dataclasses.replace(CONFIG, eps=0.1)


def rank_main(rank: int, folder: Path, places: Locations) -> None:
    outcome = run(SHARED, folder / "together", places, rank, WORLD)
    (folder / f"rank-{rank}.json").write_text(json.dumps(outcome))


@pytest.mark.integration
def test_two_ranks_train_the_same_towers_as_one(tmp_path: Path, places: Locations) -> None:
    alone = run(SHARED, tmp_path / "alone", places)
    spawn_ranks(rank_main, tmp_path, places)
    one, two = (
        load_file(tmp_path / name / "artifacts/open_clip_model.safetensors")
        for name in ("alone", "together")
    )
    assert one.keys() == two.keys()
    for key in one:
        torch.testing.assert_close(two[key], one[key], atol=1e-6, rtol=1e-4)
    for rank in range(WORLD):
        outcome = json.loads((tmp_path / f"rank-{rank}.json").read_text())
        for found, expected in zip(outcome["reports"], alone["reports"], strict=True):
            assert found == pytest.approx(expected, abs=1e-5)
        assert outcome["final"] == pytest.approx(alone["final"], abs=1e-5)
