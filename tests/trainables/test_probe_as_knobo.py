"""The probe that is trained by Adam on features of length one, against a plain loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from trainables import probe
from trainables.analyses.head_training import Cases, train_head
from trainables.config import BackboneRef, DataRef, seed_from
from trainables.context import Context, Locations
from trainables.data.open import open_split
from trainables.engine.classifier_files import load_classifier
from trainables.engine.evaluation import predict_logits
from trainables.engine.sampling import global_batches
from trainables.errors import ConfigError
from trainables.head_training import HeadTraining
from trainables.models.heads import LinearHead

BASE = {
    "backbone": BackboneRef(card="resnet18_twin"),
    "data": DataRef(name="fundus", domains=("camera_0",), limit=20),
    "image_size_px": 40,
}


def cases(n: int, seed: int) -> Cases:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    x_nd = torch.randn(n, 4, generator=generator)
    x_nd[:, 0] += labels
    return Cases(functional.normalize(x_nd), labels.numpy())


def test_the_first_of_the_best_epochs_of_plain_adam_is_kept(
    tmp_path: Path, locations: Locations
) -> None:
    train, val = cases(30, seed=0), cases(21, seed=1)
    training = HeadTraining(epochs=30, batch_size=8, lr=0.05)
    heard: list[float] = []
    context = Context.local(tmp_path, locations, seed=7)
    context.send = lambda _step, metrics: heard.append(metrics["val/accuracy"])
    head = LinearHead(4, 3, seed=5)
    start = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    logits, _ = train_head(head, train, val, "multiclass", training.fit_config(), context)

    plain = nn.Linear(4, 3)
    plain.load_state_dict(start)
    adam = torch.optim.Adam(plain.parameters(), lr=0.05)
    labels, best, kept = torch.from_numpy(train.labels), -1.0, torch.empty(0)
    accuracies = []
    for epoch in range(1, 31):
        for rows in global_batches(30, 8, seed_from(7, "epoch", epoch)):
            adam.zero_grad()
            functional.cross_entropy(plain(train.x_nd[rows]), labels[rows]).backward()
            adam.step()
        scores = plain(val.x_nd).detach()
        accuracies.append(float((scores.argmax(1).numpy() == val.labels).mean()))
        if accuracies[-1] > best:
            best, kept = accuracies[-1], scores
    assert heard == pytest.approx(accuracies)
    assert best > accuracies[0]
    torch.testing.assert_close(logits(val.x_nd), kept, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("choice", ["random", "first"])
def test_the_saved_classifier_predicts_what_the_probe_did(
    choice: str, shared_locations: Locations, tmp_path: Path
) -> None:
    config = probe.Config(
        **BASE,
        fit="paper",
        columns=10,
        column_choice=choice,  # type: ignore[arg-type]
        training=HeadTraining(epochs=2, batch_size=8, lr=0.1),
    )
    context = Context.local(tmp_path, shared_locations, seed=3)
    probe.run(config, context)
    model, spec = load_classifier(context.artifacts, shared_locations)
    assert spec.unit_features
    test = open_split(config.data, "test", context)
    logits, _ = predict_logits(model, test, spec.transform, 8, "fp32", context)
    written = pq.read_table(context.artifacts / "predictions.parquet")["logits"].to_pylist()
    np.testing.assert_allclose(logits.numpy(), written, atol=1e-4)
    weight = load_file(context.artifacts / "model.safetensors")["head.weight"]
    used = (weight != 0).any(dim=0).nonzero().flatten().tolist()
    assert len(used) == 10
    assert (used == list(range(10))) == (choice == "first")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fit": "sgd"}, "fit must"),
        ({"fit": "paper", "inverse_l2": 1.0}, "inverse_l2"),
        ({"fit": "paper", "max_iter": 3}, "max_iter"),
        ({"columns": 768}, "columns"),
        ({"training": HeadTraining(epochs=3)}, "training"),
        ({"fit": "paper", "columns": 0}, "columns"),
        ({"fit": "paper", "column_choice": "last"}, "column_choice"),
        ({"shots": -1}, "shots"),
    ],
)
def test_settings_of_the_other_fit_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        probe.Config(**BASE, **values)  # type: ignore[arg-type]


def test_shots_are_drawn_anew_for_every_replicate(
    shared_locations: Locations, tmp_path: Path
) -> None:
    config = probe.Config(**BASE, shots=2)
    weights = []
    for name, replicate in (("a", 0), ("b", 0), ("c", 1)):
        context = Context.local(tmp_path / name, shared_locations, seed=3)
        context.replicate = replicate
        probe.run(config, context)
        state = load_file(context.artifacts / "model.safetensors")
        weights.append(state["head.weight"])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
