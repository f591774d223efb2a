"""Holm's correction of a table's p values."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.report.statistics import holm


def test_holm_is_the_largest_of_the_stepwise_products() -> None:
    p = [0.01, 0.04, 0.03, 0.005, 0.5]
    order = sorted(p)
    for value, adjusted in zip(p, holm(p), strict=True):
        rank = order.index(value)
        assert adjusted == pytest.approx(max(order[k] * (5 - k) for k in range(rank + 1)))


def test_holm_keeps_to_one_and_takes_no_values_and_ties() -> None:
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.02, 0.02]) == [0.04, 0.04]


def test_holm_rarely_calls_anything_where_nothing_is() -> None:
    p = np.random.default_rng(0).uniform(size=(4000, 8))
    false_alarms = np.mean([min(holm(list(row))) <= 0.05 for row in p])
    assert false_alarms == pytest.approx(0.05, abs=0.012)
