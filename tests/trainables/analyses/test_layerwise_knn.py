"""Neighbours at every layer, against the published code's votes, a loop, and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from analysed_networks import pictures, small_classifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize
from torch import Tensor
from torch.nn import functional

from trainables.analyses import layerwise_knn
from trainables.analyses.capture import capture
from trainables.analyses.layers import analysed_layers
from trainables.analyses.layerwise_knn import (
    LayerTensors,
    Vote,
    layer_features,
    layerwise_probabilities,
    vote_shares,
)
from trainables.context import Locations
from trainables.data.card import Task
from trainables.errors import ConfigError, DatasetError


def unit(n: int, d: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(n, d, generator=rng, dtype=torch.float64), dim=1)


@pytest.mark.parametrize("case_number", [0, 1, 2])
def test_vote_shares_conform(golden: Callable[[str], Any], case_number: int) -> None:
    case = golden("knn")["cases"][case_number]
    labels = torch.tensor(case["bank_labels"])
    task: Task = "multilabel" if case.get("multi_label") else "multiclass"
    vote = Vote(task=task, classes=case["n_classes"], k=case["k"], temperature=case["temperature"])
    targets = labels if task == "multilabel" else functional.one_hot(labels, vote.classes)
    bank, query, expected = (
        torch.tensor(case[name], dtype=torch.float64)
        for name in ("bank_features", "query_features", "expected_scores")
    )
    got = vote_shares(bank, targets, query, vote)
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def test_multilabel_votes_by_cosine_equal_a_loop() -> None:
    bank, query = unit(20, 4, seed=0), unit(5, 4, seed=1)
    labels = (unit(20, 3, seed=2) > 0).double()
    vote = Vote(task="multilabel", classes=3, k=6, temperature=0.3)
    longer = {"a": {"all": bank * torch.arange(1, 21)[:, None]}}
    found = layerwise_probabilities(longer, labels, {"a": {"all": 5 * query}}, vote)
    for q, got in zip(query, found["a"]["all"], strict=True):
        similarity = [float(q @ b) for b in bank]
        nearest = sorted(range(20), key=lambda i: -similarity[i])[:6]
        weights = [np.exp(similarity[i] / 0.3) for i in nearest]
        votes = sum(w * labels[i].numpy() for w, i in zip(weights, nearest, strict=True))
        np.testing.assert_allclose(got.numpy(), votes / sum(weights), rtol=1e-9)


def test_warm_votes_approach_plain_neighbours() -> None:
    bank, query, labels = 3 * unit(40, 4, seed=0), unit(9, 4, seed=1), torch.arange(40) % 4
    reference = KNeighborsClassifier(7).fit(normalize(bank.numpy()), labels.numpy())
    vote = Vote(task="multiclass", classes=4, k=7, temperature=1e6)
    got = layerwise_probabilities({"a": {"all": bank}}, labels, {"a": {"all": 5 * query}}, vote)
    np.testing.assert_allclose(
        got["a"]["all"].numpy(), reference.predict_proba(query.numpy()), atol=1e-5
    )


def test_small_bank_votes_as_a_whole() -> None:
    bank, query, labels = unit(6, 4, seed=0), unit(3, 4, seed=1), torch.arange(6) % 2
    targets = functional.one_hot(labels, 2)
    default, whole = (
        vote_shares(bank, targets, query, vote)
        for vote in (Vote(task="multiclass", classes=2), Vote(task="multiclass", classes=2, k=6))
    )
    assert torch.equal(default, whole)
    torch.testing.assert_close(default.sum(dim=1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_strict_squashes_the_shares_once_more(task: Task) -> None:
    bank, queries = {"a": {"all": unit(9, 4, seed=0)}}, {"a": {"all": unit(2, 4, seed=1)}}
    labels = torch.arange(9) % 3
    labels = functional.one_hot(labels) if task == "multilabel" else labels
    shares, squashed = (
        layerwise_probabilities(
            bank, labels, queries, Vote(task=task, classes=3, k=4, strict=strict)
        )["a"]["all"].numpy()
        for strict in (False, True)
    )
    if task == "multilabel":
        expected = 1 / (1 + np.exp(-shares))
    else:
        expected = np.exp(shares) / np.exp(shares).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(squashed, expected, rtol=1e-12)


def test_chunks_do_not_change_the_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, query = unit(20, 4, seed=0), unit(11, 4, seed=1)
    targets = functional.one_hot(torch.arange(20) % 4)
    vote = Vote(task="multiclass", classes=4, k=5)
    whole = vote_shares(bank, targets, query, vote)
    monkeypatch.setattr(layerwise_knn, "_NUMBERS", 60)
    torch.testing.assert_close(vote_shares(bank, targets, query, vote), whole)


@pytest.fixture
def vit_features(locations: Locations) -> tuple[LayerTensors, dict[str, Tensor]]:
    """Features of seven pictures in three batches, and the raw outputs of one batch of seven."""
    model = small_classifier("deit_s_twin", locations)
    layers = analysed_layers(model.backbone)
    x_nchw = pictures(model, 7)
    raw = capture(model, [layer.path for layer in layers], x_nchw)
    features = layer_features(model, layers, x_nchw.split(3))
    return features, {layer.name: raw[layer.path] for layer in layers}


def test_features_of_all_layers_come_in_order_and_kind(
    vit_features: tuple[LayerTensors, dict[str, Tensor]],
) -> None:
    features, raw = vit_features
    assert list(features) == list(raw)
    for name, kinds in features.items():
        output = raw[name]
        if name == "fc":
            expected = {"all": output}
        elif name == "patch_embed":
            expected = {"all": output.mean(dim=1)}
        else:
            cls, patches = output[:, 0], output[:, 1:].mean(dim=1)
            expected = {"all": torch.cat([cls, patches], dim=1), "cls": cls, "patches": patches}
        assert list(kinds) == list(expected)
        for kind, got in kinds.items():
            torch.testing.assert_close(got, expected[kind], atol=1e-4, rtol=1e-3)


def test_a_picture_in_the_bank_is_its_own_nearest_at_every_layer(
    vit_features: tuple[LayerTensors, dict[str, Tensor]],
) -> None:
    features, _ = vit_features
    vote = Vote(task="multiclass", classes=7, k=1)
    found = layerwise_probabilities(features, torch.arange(7), features, vote)
    for name, kinds in features.items():
        for kind in kinds:
            assert torch.equal(found[name][kind], torch.eye(7)), (name, kind)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(DatasetError, match="5 labels for a bank of 6 pictures"):
        vote_shares(
            unit(6, 4, seed=0),
            torch.ones(5, 2),
            unit(3, 4, seed=1),
            Vote(task="multilabel", classes=2),
        )


def test_no_pictures_are_refused(locations: Locations) -> None:
    model = small_classifier("deit_s_twin", locations)
    with pytest.raises(DatasetError, match="no pictures"):
        layer_features(model, analysed_layers(model.backbone), [])


@pytest.mark.parametrize("wrong", [{"k": 0}, {"temperature": 0.0}])
def test_impossible_votes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Vote(task="multiclass", classes=2, **wrong)
