"""Options of fine-tuning: part of the training set, initial states, precision, loss."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from trainables import classify
from trainables.config import BackboneRef, DataRef
from trainables.context import Context, Locations
from trainables.data.augmentation import Augmentation
from trainables.data.open import open_split
from trainables.data.transforms import EvalTransform, TrainTransform
from trainables.engine import supervised
from trainables.engine.classifier_files import load_classifier, load_initial
from trainables.engine.config import OptimizerConfig
from trainables.errors import ConfigError, DatasetError

CONFIG = classify.Config(
    backbone=BackboneRef(card="resnet50_twin"),
    data=DataRef(name="fundus", domains=("camera_0",), limit=40),
    epochs=1,
    batch_size=8,
    image_size_px=32,
    optimizer=OptimizerConfig(lr=1e-2),
)


def train(folder: Path, locations: Locations, replicate: int = 0, **changes: Any) -> Context:
    context = Context.local(folder, locations, seed=4)
    context.replicate = replicate
    classify.run(dataclasses.replace(CONFIG, **changes), context)
    return context


@pytest.fixture
def training_ids(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Record the pictures of every training set, and train on none."""
    seen: list[set[str]] = []

    def stop(images: Any, *_: Any, **__: Any) -> Any:
        seen.append(set(images.ids.tolist()))
        raise SystemExit

    monkeypatch.setattr(supervised, "image_batches", stop)
    return seen


def test_parts_are_nested_and_drawn_anew_for_each_replicate(
    training_ids: list[set[str]], tmp_path: Path, shared_locations: Locations
) -> None:
    for name, fraction, replicate in (("a", 0.5, 0), ("b", 0.75, 0), ("c", 0.5, 1), ("d", 1.0, 0)):
        with pytest.raises(SystemExit):
            train(tmp_path / name, shared_locations, replicate, train_fraction=fraction)
    half, more, other, whole = training_ids
    assert half < more < whole
    assert [len(ids) for ids in training_ids] == [20, 30, 20, 40]
    assert half != other < whole


def test_part_without_a_class_is_refused(tmp_path: Path, shared_locations: Locations) -> None:
    with pytest.raises(DatasetError, match="none of the"):
        train(tmp_path / "trial", shared_locations, train_fraction=0.05)


def test_part_smaller_than_a_batch_is_refused(tmp_path: Path, shared_locations: Locations) -> None:
    with pytest.raises(DatasetError, match="do not fill one batch of 30"):
        train(
            tmp_path / "trial", shared_locations, train_fraction=0.5, batch_size=30, drop_last=True
        )


def test_initial_state_is_kept_and_has_the_trained_one_s_names(
    tmp_path: Path, shared_locations: Locations
) -> None:
    folder = tmp_path / "trial"
    context = train(folder, shared_locations, keep_initial=True)
    initial = load_initial(context.artifacts)
    trained, _ = load_classifier(context.artifacts, shared_locations)
    assert initial.keys() == trained.state_dict().keys()
    moved = [not torch.equal(initial[name], p) for name, p in trained.named_parameters()]
    assert any(moved)


def test_initial_state_is_never_written_again(tmp_path: Path, shared_locations: Locations) -> None:
    context = train(tmp_path / "trial", shared_locations, keep_initial=True)
    mark = {"mark": torch.arange(3.0)}
    save_file(mark, context.artifacts / "initial.safetensors")
    train(tmp_path / "trial", shared_locations, keep_initial=True)  # goes on after its end
    assert load_initial(context.artifacts).keys() == mark.keys()


def test_rate_of_almost_0_ends_at_the_initial_state(
    tmp_path: Path, shared_locations: Locations
) -> None:
    standing = OptimizerConfig(name="sgd", lr=1e-12)
    context = train(tmp_path / "trial", shared_locations, keep_initial=True, optimizer=standing)
    initial = load_initial(context.artifacts)
    trained, _ = load_classifier(context.artifacts, shared_locations)
    for name, parameter in trained.named_parameters():
        torch.testing.assert_close(parameter.detach(), initial[name], atol=1e-6, rtol=0)


def test_initial_state_is_not_kept_unasked(tmp_path: Path, shared_locations: Locations) -> None:
    context = train(tmp_path / "trial", shared_locations)
    assert not (context.artifacts / "initial.safetensors").exists()


def test_tests_run_in_full_precision(
    tmp_path: Path, shared_locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    plain = supervised.predict_logits

    def spy(*arguments: Any) -> Any:
        asked.append((arguments[1].split, arguments[4]))
        return plain(*arguments)

    monkeypatch.setattr(supervised, "predict_logits", spy)
    train(tmp_path / "trial", shared_locations, precision="bf16")
    # What is tested is also measured on validation pictures, as it is tested.
    assert asked == [("val", "bf16"), ("test", "fp32"), ("val", "fp32")]


def test_validation_loss_is_the_mean_over_batches() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(7, 3)), rng.integers(0, 3, 7)
    losses = [
        -math.log(np.exp(x)[y] / np.exp(x).sum()) for x, y in zip(logits, labels, strict=True)
    ]
    expected = np.mean([np.mean(losses[:4]), np.mean(losses[4:])])
    got = supervised.mean_loss_of_batches(
        torch.from_numpy(logits), torch.from_numpy(labels), "multiclass", 4
    )
    assert got == pytest.approx(expected)
    assert got != pytest.approx(float(np.mean(losses)))


def test_multilabel_loss_is_the_mean_over_labels() -> None:
    logits = torch.tensor([[0.5, -1.0], [2.0, 0.0]])
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    p = torch.sigmoid(logits)
    expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
    assert float(supervised.classification_loss(logits, labels, "multilabel")) == pytest.approx(
        float(expected)
    )


def test_training_pictures_are_resized_as_those_of_tests() -> None:
    base = EvalTransform(
        size_px=28, mean=(0.1,) * 3, std=(1.0,) * 3, interpolation="bicubic", crop_fraction=0.875
    )
    assert supervised.augmented(base, Augmentation()) is base
    random = supervised.augmented(base, Augmentation.preset("feature_reuse"))
    assert isinstance(random, TrainTransform)
    for name in ("size_px", "mean", "std", "interpolation", "crop_fraction"):
        assert getattr(random, name) == getattr(base, name)


def test_size_of_the_crop_reaches_the_saved_classifier(
    tmp_path: Path, shared_locations: Locations
) -> None:
    context = train(
        tmp_path / "trial", shared_locations, crop_fraction=0.8, interpolation="bilinear"
    )
    _, spec = load_classifier(context.artifacts, shared_locations)
    assert (spec.transform.crop_fraction, spec.transform.interpolation) == (0.8, "bilinear")


@pytest.mark.parametrize(
    "wrong",
    [
        {"train_fraction": 0.0},
        {"train_fraction": 1.5},
        {"crop_fraction": 0.0},
        {"interpolation": "nearest"},
        {"val_every": 0.0},
        {"selection": "last"},
        {"val_batches": "some"},
        {"unfreeze_from": 1},
        {"unfreeze_from": -1, "freeze_backbone": True},
        {"unfreeze_from": 4, "freeze_backbone": True, "backbone": BackboneRef(card="deit_s_twin")},
    ],
)
def test_config_refuses_nonsense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        dataclasses.replace(CONFIG, **wrong)


def validated(locations: Locations, folder: Path, step: int, **changes: Any) -> list[str]:
    context = Context.local(folder, locations, seed=4)
    config = dataclasses.replace(CONFIG, **changes)
    val = open_split(config.data, "val", context)
    return supervised.validation_part(config, val, step, context).ids.tolist()


def test_validation_on_full_batches_draws_another_part_each_time(
    tmp_path: Path, shared_locations: Locations
) -> None:
    part = {"val_batches": "full_batches_shuffled", "batch_size": 12}
    whole = validated(shared_locations, tmp_path, 0)
    first, again, second = (validated(shared_locations, tmp_path, s, **part) for s in (5, 5, 10))
    assert len(whole) == 40
    assert len(first) == len(set(first)) == len(second) == 36
    assert set(first) < set(whole)
    assert first == again
    assert set(first) != set(second)


def test_validation_on_full_batches_needs_one(
    training_ids: list[set[str]], tmp_path: Path, shared_locations: Locations
) -> None:
    part = {"val_batches": "full_batches_shuffled", "batch_size": 41}
    with pytest.raises(DatasetError, match="fundus/val has 40 pictures, not one full batch of 41"):
        train(tmp_path / "trial", shared_locations, **part)
    assert training_ids == []


def test_final_test_is_on_all_pictures(
    tmp_path: Path, shared_locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    plain = supervised.predict_logits

    def spy(*arguments: Any) -> Any:
        asked.append((arguments[1].split, len(arguments[1])))
        return plain(*arguments)

    monkeypatch.setattr(supervised, "predict_logits", spy)
    changes = {"val_batches": "full_batches_shuffled", "batch_size": 12, "val_every": 0.5}
    train(tmp_path / "trial", shared_locations, **changes)
    assert asked == [("val", 36)] * 2 + [("test", 40), ("val", 40)]
