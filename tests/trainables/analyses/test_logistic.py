"""The linear probe against scikit-learn's own predictions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainables.analyses.logistic import fit_logistic
from trainables.errors import DatasetError


def features(classes: int) -> tuple[torch.Tensor, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % classes
    feats = rng.normal(size=(60, 5)) * [1, 10, 0.1, 1, 0] + [0, 5, 0, -3, 7]
    feats[:, 0] += labels
    return torch.from_numpy(feats).float(), labels


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_equal_a_scikit_learn_pipeline(classes: int) -> None:
    feats, labels = features(classes)
    names = tuple(map(str, range(classes)))
    probe = fit_logistic(
        feats, labels, task="multiclass", classes=names, inverse_l2=0.3, max_iter=500
    )
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=500))
    pipeline.fit(feats.numpy(), labels)
    expected = pipeline.predict_proba(feats.numpy())
    np.testing.assert_allclose(probe.logits(feats).softmax(1).numpy(), expected, atol=1e-3)
    assert probe.converged


def test_multilabel_is_one_binary_model_per_label() -> None:
    feats, labels = features(4)
    many = np.stack([labels > 1, labels % 2], axis=1).astype(np.float32)
    probe = fit_logistic(
        feats, many, task="multilabel", classes=("high", "odd"), inverse_l2=0.3, max_iter=500
    )
    for column in (0, 1):
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=500))
        pipeline.fit(feats.numpy(), many[:, column])
        expected = pipeline.predict_proba(feats.numpy())[:, 1]
        got = probe.logits(feats).sigmoid()[:, column].numpy()
        np.testing.assert_allclose(got, expected, atol=1e-3)


def test_too_few_iterations_are_reported() -> None:
    feats, labels = features(4)
    names = ("a", "b", "c", "d")
    probe = fit_logistic(
        feats, labels, task="multiclass", classes=names, inverse_l2=100.0, max_iter=2
    )
    assert not probe.converged


def test_class_without_a_case_is_named() -> None:
    feats, labels = features(2)
    with pytest.raises(DatasetError, match="rare"):
        fit_logistic(
            feats,
            labels,
            task="multiclass",
            classes=("none", "mild", "rare"),
            inverse_l2=1.0,
            max_iter=50,
        )


def test_feature_that_varies_by_rounding_only_says_nothing() -> None:
    feats, labels = features(2)
    feats[:, 4] = 0.1
    feats[::7, 4] = torch.nextafter(torch.tensor(0.1), torch.tensor(1.0))
    probe = fit_logistic(
        feats, labels, task="multiclass", classes=("a", "b"), inverse_l2=0.3, max_iter=500
    )
    moved = feats.clone()
    moved[:, 4] += 1e-3
    torch.testing.assert_close(probe.logits(moved), probe.logits(feats), atol=1e-3, rtol=0)
