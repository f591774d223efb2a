"""Means, spreads and intervals, and how they are said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from orchestrator.report.number import interval_text, mean_text, published_text, spread_text
from orchestrator.report.statistics import Statistic, summarise
from search_spaces.study import Published


def test_statistics_agree_with_scipy() -> None:
    values = [0.81, 0.82, 0.85, 0.79, 0.9]
    got = summarise(values)
    assert got is not None
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert got.sd == pytest.approx(np.std(values, ddof=1))
    assert got.se == pytest.approx(stats.sem(values))
    assert (got.ci95_low, got.ci95_high) == (pytest.approx(low), pytest.approx(high))


def test_one_value_has_no_spread_and_says_so() -> None:
    one = summarise([0.5])
    assert one is not None
    assert (one.sd, one.se, one.ci95_low) == (None, None, None)
    assert spread_text(one) == "(n=1, no spread)"


def test_no_values_and_no_numbers_are_not_hidden() -> None:
    assert summarise([]) is None
    broken = summarise([0.5, math.nan])
    assert broken is not None
    assert mean_text(broken) == "nan"
    assert math.isnan(broken.ci95_low or 0)


def test_equal_replicates_have_no_interval() -> None:
    same = summarise([0.8, 0.8, 0.8])
    assert same is not None
    assert spread_text(same) == "± 0 (all 3 equal)"
    assert interval_text(same) == ""
    assert (same.ci95_low, same.ci95_high) == (None, None)


def test_every_spread_names_its_kind_and_n() -> None:
    three = summarise([0.70, 0.80, 0.90])
    assert three is not None
    assert f"{mean_text(three)} {spread_text(three)}" == "0.800 ± 0.100 (sd, n=3)"
    tight = summarise([0.80001, 0.80021])
    assert tight is not None
    assert spread_text(tight) == "± 0.0001 (sd, n=2)"
    published = Published(value=0.4, error=0.02, error_kind="se", source="")
    assert published_text(published) == "0.400 ± 0.020 (se, n not given)"
    assert published_text(replace(published, doubt="Table 1")).endswith(
        " (se, n not given), suspect"
    )


@pytest.mark.parametrize(
    ("statistic", "text"),
    [
        (Statistic(n=1, mean=3e-4), "3.00e-04 (n=1, no spread)"),
        (Statistic(n=2, mean=0.0051, sd=0.0012), "0.0051 ± 0.0012 (sd, n=2)"),
        (Statistic(n=2, mean=0.0004, sd=0.02), "0.000 ± 0.020 (sd, n=2)"),
        (Statistic(n=3, mean=1.2, ci95_low=1.1, ci95_high=1.3), "1.200 (1.100 to 1.300, n=3)"),
        (Statistic(n=3, mean=1.2), "1.200 (no interval, n=3)"),
        (Statistic(n=1, mean=181.04), "181.0 (n=1, no spread)"),
    ],
)
def test_a_mean_and_its_spread_have_the_decimals_of_the_larger(
    statistic: Statistic, text: str
) -> None:
    assert f"{mean_text(statistic)} {spread_text(statistic)}" == text
