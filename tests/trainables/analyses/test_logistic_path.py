"""Probes solved together against scikit-learn, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from trainables.analyses import logistic_path
from trainables.analyses.logistic import fit_logistic
from trainables.analyses.logistic_path import fit_logistic_path
from trainables.errors import DatasetError

PATH = (1e-4, 1e-2, 0.1, 1.0, 30.0)


def cases(classes: int) -> tuple[torch.Tensor, np.ndarray]:
    """Correlated features of several scales, and labels that they tell in part."""
    rng = np.random.default_rng(classes)
    labels = np.arange(120) % classes
    feats = rng.normal(size=(120, 8)) @ rng.normal(size=(8, 8)) * np.logspace(-1, 2, 8)
    feats[:, 0] += labels
    return torch.from_numpy(feats).float(), labels


def names(classes: int) -> tuple[str, ...]:
    return tuple(map(str, range(classes)))


@pytest.mark.parametrize("classes", [2, 4])
def test_every_optimum_is_that_of_scikit_learn(classes: int) -> None:
    feats, labels = cases(classes)
    probes = fit_logistic_path(
        feats,
        labels,
        task="multiclass",
        classes=names(classes),
        inverse_l2=PATH,
        max_iter=500,
        tolerance=1e-8,
    )
    x = StandardScaler().fit_transform(feats.double().numpy())
    for probe, c in zip(probes, PATH, strict=True):
        peer = LogisticRegression(C=c, max_iter=5000, tol=1e-9).fit(x, labels)
        found = probe.logits(feats).softmax(1).numpy()
        np.testing.assert_allclose(found, peer.predict_proba(x), atol=2e-4)
        assert probe.converged


def test_multilabel_is_one_model_per_label_and_value() -> None:
    feats, labels = cases(4)
    many = np.stack([labels > 1, labels % 2], axis=1).astype(np.float32)
    probes = fit_logistic_path(
        feats,
        many,
        task="multilabel",
        classes=("high", "odd"),
        inverse_l2=PATH,
        max_iter=500,
        tolerance=1e-8,
    )
    x = StandardScaler().fit_transform(feats.double().numpy())
    for probe, c in zip(probes, PATH, strict=True):
        for column in (0, 1):
            peer = LogisticRegression(C=c, max_iter=5000, tol=1e-9).fit(x, many[:, column])
            found = probe.logits(feats).sigmoid()[:, column].numpy()
            np.testing.assert_allclose(found, peer.predict_proba(x)[:, 1], atol=2e-4)


def test_the_gradient_of_every_loss_is_as_small_as_was_asked_for() -> None:
    feats, labels = cases(4)
    probes = fit_logistic_path(
        feats, labels, task="multiclass", classes=names(4), inverse_l2=PATH, max_iter=500
    )
    x = torch.from_numpy(StandardScaler().fit_transform(feats.double().numpy()))
    sd = feats.double().std(dim=0, correction=0)
    for probe, c in zip(probes, PATH, strict=True):
        weight = (probe.weight_kd.double() * sd).requires_grad_()
        bias = (probe.bias_k.double() + probe.weight_kd.double() @ feats.double().mean(0)).detach()
        bias.requires_grad_()
        loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, torch.from_numpy(labels))
        (loss + weight.square().sum() / (2 * c * len(x))).backward()
        gradient = torch.cat([weight.grad.flatten(), bias.grad])  # type: ignore[union-attr]
        assert gradient.norm() < 1.1e-4


@pytest.mark.parametrize("together", [1, 2])
def test_how_many_are_solved_together_changes_no_optimum(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def solve() -> list[torch.Tensor]:
        probes = fit_logistic_path(
            feats,
            labels,
            task="multiclass",
            classes=names(4),
            inverse_l2=PATH,
            max_iter=500,
            tolerance=1e-8,
        )
        return [probe.logits(feats) for probe in probes]

    feats, labels = cases(4)
    expected = solve()
    monkeypatch.setattr(logistic_path, "_TOGETHER", together)
    for found, other in zip(solve(), expected, strict=True):
        torch.testing.assert_close(found, other, atol=1e-3, rtol=1e-4)


def test_classes_that_can_be_told_apart_perfectly_are_solved_under_a_weak_penalty() -> None:
    feats, labels = cases(2)
    feats[:, 0] = torch.from_numpy(labels).float()
    path = (1e-3, 1e2, 1e5)
    probes = fit_logistic_path(
        feats, labels, task="multiclass", classes=names(2), inverse_l2=path, max_iter=500
    )
    for probe in probes[1:]:
        assert probe.converged
        assert (probe.logits(feats).argmax(1).numpy() == labels).all()


def test_too_few_iterations_are_reported_of_those_that_needed_more() -> None:
    feats, labels = cases(4)
    probes = fit_logistic_path(
        feats, labels, task="multiclass", classes=names(4), inverse_l2=(1e-6, 30.0), max_iter=5
    )
    assert [probe.converged for probe in probes] == [True, False]


def test_constant_features_and_more_features_than_cases_do_no_harm() -> None:
    feats, labels = cases(4)
    few = torch.cat([feats[:6], feats[:6].square(), torch.full((6, 1), 3.0)], dim=1)
    together = fit_logistic_path(
        few, labels[:6], task="multiclass", classes=names(4), inverse_l2=(0.3, 1.0), max_iter=500
    )
    alone = fit_logistic(
        few, labels[:6], task="multiclass", classes=names(4), inverse_l2=1.0, max_iter=500
    )
    np.testing.assert_allclose(
        together[1].logits(few).softmax(1), alone.logits(few).softmax(1), atol=2e-3
    )


def test_class_without_a_case_is_named() -> None:
    feats, labels = cases(2)
    with pytest.raises(DatasetError, match="rare"):
        fit_logistic_path(
            feats,
            labels,
            task="multiclass",
            classes=("none", "mild", "rare"),
            inverse_l2=PATH,
            max_iter=50,
        )


@pytest.mark.gpu
def test_a_gpu_finds_the_same_optima() -> None:
    feats, labels = cases(4)
    on_cpu, on_gpu = (
        fit_logistic_path(
            feats,
            labels,
            task="multiclass",
            classes=names(4),
            inverse_l2=PATH,
            max_iter=500,
            device=device,
            tolerance=1e-8,
        )
        for device in ("cpu", "cuda")
    )
    for one, other in zip(on_cpu, on_gpu, strict=True):
        torch.testing.assert_close(one.logits(feats), other.logits(feats), atol=1e-3, rtol=1e-4)
