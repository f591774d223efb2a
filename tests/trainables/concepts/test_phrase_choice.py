"""Which phrases a bottleneck of phrases keeps: information and coverage, one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from trainables.concepts.phrase_choice import choose_phrases, chosen_by_class, information
from trainables.concepts.phrase_head import PhraseHead


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.rand(*shape, generator=generator), dim=1)


def test_information_is_that_of_a_loop() -> None:
    pictures, phrases, labels = unit(30, 6), unit(8, 6, seed=1), np.arange(30) % 3
    score = [
        [float(np.mean([float(p @ x) for x, y in zip(pictures, labels, strict=True) if y == k]))
         for k in range(3)]
        for p in phrases
    ]  # fmt: skip
    joint = [[row[k] / (3 * sum(other[k] for other in score)) for k in range(3)] for row in score]
    expected = [sum(v * math.log(v / (sum(row) / 3)) for v in row) for row in joint]
    found = information(pictures, labels, phrases, 3)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-9)


def test_a_phrase_that_one_class_alone_is_close_to_tells_the_most() -> None:
    pictures = torch.eye(3).repeat_interleave(4, dim=0)
    phrases = functional.normalize(torch.tensor([[1.0, 1, 1], [1.0, 0.1, 0.1], [1.0, 1, 0.1]]))
    told = information(pictures, np.arange(3).repeat(4), phrases, 3)
    # The whole is normalised by class: what all classes share is what the others leave.
    assert told.argmax() == 1


def test_means_below_zero_count_as_next_to_nothing() -> None:
    pictures, phrases = (
        torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        torch.tensor([[1.0, 0.0], [-1.0, 0]]),
    )
    told = information(pictures, np.array([0, 1]), phrases, 2)
    assert torch.isfinite(told).all()


def value(chosen: tuple[int, ...], told: torch.Tensor, phrases: torch.Tensor, c: float) -> float:
    """The function that is maximised, from its definition."""
    covered = sum(
        max([max(float(x @ phrases[j]), 0.0) for j in chosen], default=0.0) for x in phrases
    )
    return sum(float(told[j]) for j in chosen) + c * covered


@pytest.mark.parametrize("coverage", [0.0, 0.1, 10.0])
def test_each_phrase_is_the_one_that_raises_the_value_most(coverage: float) -> None:
    generator = torch.Generator().manual_seed(3)
    phrases = functional.normalize(torch.randn(9, 4, generator=generator), dim=1)
    told = torch.rand(9, generator=generator).double()
    chosen = choose_phrases(told, phrases, 4, 1.0, coverage)
    assert len(set(chosen)) == 4
    for step, picked in enumerate(chosen):
        before = tuple(chosen[:step])
        values = {
            i: value((*before, i), told, phrases, coverage) for i in range(9) if i not in before
        }
        assert values[picked] == pytest.approx(max(values.values()))


def test_the_greedy_choice_is_close_to_the_best() -> None:
    """Nemhauser et al. (1978): at least 1 - 1/e of the best value of a submodular function."""
    phrases = unit(8, 3, seed=5)
    told = torch.rand(8, generator=torch.Generator().manual_seed(1)).double()
    greedy = value(tuple(choose_phrases(told, phrases, 3, 1.0, 1.0)), told, phrases, 1.0)
    best = max(value(c, told, phrases, 1.0) for c in itertools.combinations(range(8), 3))
    assert (1 - 1 / math.e) * best <= greedy <= best + 1e-6


def test_without_information_twins_of_a_phrase_are_not_taken_twice() -> None:
    phrases = functional.normalize(torch.tensor([[1.0, 0], [1.0, 0.01], [0.0, 1]]), dim=1)
    chosen = choose_phrases(torch.zeros(3), phrases, 2, 1.0, 1.0)
    assert 2 in chosen


def test_a_class_with_few_phrases_keeps_all_of_them() -> None:
    told = torch.arange(5, dtype=torch.float64)
    chosen = chosen_by_class(told, [unit(2, 3), unit(3, 3, seed=1)], 10, 1.0, 0.0)
    assert [sorted(kept) for kept in chosen] == [[0, 1], [0, 1, 2]]
    assert chosen[1] == [2, 1, 0]


def test_the_head_starts_by_averaging_with_more_weight_on_the_class() -> None:
    head = PhraseHead(torch.tensor([0, 0, 1]), 2)
    weight = head.weight_km
    torch.testing.assert_close(weight.sum(dim=1), torch.ones(2))
    assert float(weight[0, 0] / weight[0, 2]) == pytest.approx(math.e)
    cosines = torch.tensor([[0.3, 0.1, 0.2]])
    expected = [
        100 * sum(w * c for w, c in zip(row, cosines[0].tolist(), strict=True))
        for row in weight.tolist()
    ]
    assert head(cosines)[0].tolist() == pytest.approx(expected)
