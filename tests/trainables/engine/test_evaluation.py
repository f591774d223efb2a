"""Predictions are those of the model, for every picture, in order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from trainables.config import DataRef
from trainables.context import Context, Locations, NonFiniteLossError, SealedTestError
from trainables.data.image_set import ImageSet
from trainables.data.transforms import EvalTransform
from trainables.engine import final_test
from trainables.engine.evaluation import predict_logits
from trainables.engine.final_test import final_metrics
from trainables.engine.supervised import classification_loss

PLAIN = EvalTransform(size_px=16, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture
def context(tmp_path: Path, locations: Locations) -> Context:
    return Context.local(tmp_path / "trial", locations)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_logits_are_the_models_for_any_batch_size(
    array_set: ImageSet, context: Context, batch_size: int
) -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(768), nn.Linear(768, 3))
    logits_nk, labels = predict_logits(model, array_set, PLAIN, batch_size, "fp32", context)
    assert model.training
    x = torch.stack([array_set.image(i).float() / 127.5 - 1 for i in range(len(array_set))])
    with torch.no_grad():
        torch.testing.assert_close(logits_nk, model.eval()(x))
    assert labels.tolist() == array_set.labels.tolist()
    assert logits_nk.dtype == torch.float32
    assert not logits_nk.is_inference()


def test_bf16_predictions_come_back_as_float32(array_set: ImageSet, context: Context) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    logits_nk, _ = predict_logits(model, array_set, PLAIN, 4, "bf16", context)
    assert logits_nk.dtype == torch.float32


def test_outputs_that_are_not_finite_fail_the_trial_and_not_the_study(
    array_set: ImageSet, context: Context
) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    nn.init.constant_(model[1].weight, 1e38)
    with pytest.raises(NonFiniteLossError, match="tiny/val"):
        predict_logits(model, array_set, PLAIN, 4, "fp32", context)


def scripted_splits(monkeypatch: pytest.MonkeyPatch, images: ImageSet) -> None:
    def open_split(ref: DataRef, split: str, context: Context) -> ImageSet:
        if split == "test":
            context.open_test()
        domain = ref.domains[0] if split == "test" else split
        return dataclasses.replace(images, domain_of=np.array([domain] * len(images)))

    monkeypatch.setattr(final_test, "open_split", open_split)


def one_hot(images: ImageSet, right: int) -> torch.Tensor:
    """Logits that are right for the first cases and wrong for the others."""
    guess = np.where(np.arange(len(images)) < right, images.labels, (images.labels + 1) % 3)
    return torch.eye(3)[torch.from_numpy(guess)]


def test_shift_metrics_are_per_domain_and_their_mean(
    array_set: ImageSet, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_splits(monkeypatch, array_set)
    right = {"home": 11, "away": 4, "far": 2, "val": 9}
    got = final_metrics(
        lambda images: one_hot(images, right[images.domain_of[0]]),
        DataRef(name="tiny", domains=("home",)),
        ("away", "far"),
        context,
    )
    assert got["test/accuracy"] == 1
    assert got["test_shift/away/accuracy"] == pytest.approx(4 / 11)
    assert got["test_shift/far/accuracy"] == pytest.approx(2 / 11)
    assert got["test_shift/accuracy"] == pytest.approx(3 / 11)
    assert got["chosen/accuracy"] == pytest.approx(9 / 11)


def test_every_prediction_is_written(
    array_set: ImageSet, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_splits(monkeypatch, array_set)
    data = DataRef(name="tiny", domains=("home",))
    final_metrics(lambda images: one_hot(images, 11), data, ("away",), context)
    rows = pq.read_table(context.artifacts / "predictions.parquet").to_pylist()
    assert [row["domain"] for row in rows] == ["home"] * 11 + ["away"] * 11
    assert [row["id"] for row in rows[:11]] == array_set.ids.tolist()
    assert [int(np.argmax(row["logits"])) for row in rows[:11]] == array_set.labels.tolist()
    assert [row["label"] for row in rows[11:]] == array_set.labels.tolist()


def test_search_trials_are_refused(
    array_set: ImageSet, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_splits(monkeypatch, array_set)
    context.final = False
    with pytest.raises(SealedTestError):
        final_metrics(lambda _: torch.zeros(11, 3), DataRef(name="t", domains=("h",)), (), context)


def test_loss_is_the_cross_entropy_of_the_task(multilabel_set: ImageSet) -> None:
    logits = torch.randn(11, 3)
    classes = torch.arange(11) % 3
    expected = -torch.stack([logits.log_softmax(1)[i, c] for i, c in enumerate(classes)]).mean()
    torch.testing.assert_close(classification_loss(logits, classes, "multiclass"), expected)
    labels = torch.from_numpy(multilabel_set.labels)
    p = logits.sigmoid()
    expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
    torch.testing.assert_close(classification_loss(logits, labels, "multilabel"), expected)
