"""Grounding functions against scikit-learn's own probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from trainables.concepts.grounding import Grounding, fit_grounding
from trainables.concepts.sampling import ConceptSample, sample_concept


@pytest.fixture(scope="module")
def feats() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    feats_nd = torch.randn(400, 6, generator=generator)
    feats_nd[:200, 0] += 3
    return feats_nd * torch.linspace(0.5, 5, 400)[:, None]


@pytest.fixture(scope="module")
def samples() -> dict[str, ConceptSample]:
    first = sample_concept(range(200), range(200, 400), 10_000, 2_000)
    second = sample_concept(range(0, 400, 2), range(1, 400, 2), 10_000, 2_000)
    assert first is not None
    assert second is not None
    return {"bright?": first, "even?": second}


@pytest.fixture(scope="module")
def grounding(feats: torch.Tensor, samples: dict[str, ConceptSample]) -> Grounding:
    return fit_grounding(feats, samples, inverse_l2=1.0)


def test_probabilities_are_those_of_logistic_regression_on_unit_vectors(
    feats: torch.Tensor, samples: dict[str, ConceptSample], grounding: Grounding
) -> None:
    unit = feats.double().numpy()
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    for column, sample in enumerate(samples.values()):
        rows = sample.train_negative + sample.train_positive
        labels = [0] * len(sample.train_negative) + [1] * len(sample.train_positive)
        model = LogisticRegression(class_weight="balanced", tol=1e-8, max_iter=5000)
        model.fit(unit[rows], labels)
        got = grounding.probabilities(feats)[:, column]
        np.testing.assert_allclose(got, model.predict_proba(unit)[:, 1], atol=2e-3)


def test_accuracies_are_counted_on_their_own_pictures(
    feats: torch.Tensor, samples: dict[str, ConceptSample], grounding: Grounding
) -> None:
    shown = grounding.probabilities(feats) > 0.5
    for column, sample in enumerate(samples.values()):
        hits = (
            shown[sample.val_positive, column].sum() + (~shown[sample.val_negative, column]).sum()
        )
        expected = float(hits) / (len(sample.val_positive) + len(sample.val_negative))
        assert float(grounding.val_accuracy_c[column]) == pytest.approx(expected)
    assert grounding.val_accuracy_c[0] > 0.8 > grounding.val_accuracy_c[1]


def test_the_length_of_a_feature_does_not_matter(feats: torch.Tensor, grounding: Grounding) -> None:
    torch.testing.assert_close(grounding.probabilities(7 * feats), grounding.probabilities(feats))


def test_some_functions_come_in_the_order_asked_for(
    feats: torch.Tensor, grounding: Grounding
) -> None:
    swapped = grounding.of(("even?", "bright?"))
    assert swapped.names == ("even?", "bright?")
    torch.testing.assert_close(swapped.probabilities(feats), grounding.probabilities(feats).flip(1))
    with pytest.raises(KeyError):
        grounding.of(("odd?",))
