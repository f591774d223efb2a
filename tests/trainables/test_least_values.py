"""Bounds of config values."""

from __future__ import annotations

import math

import pytest

from trainables.errors import ConfigError, check_at_least


def test_values_on_or_above_the_bound_and_absent_ones_pass() -> None:
    check_at_least(1, k=1, columns=None, image_size_px=96)


@pytest.mark.parametrize("value", [0, -3, math.nan])
def test_a_value_below_the_bound_is_named_with_the_config_it_is_part_of(value: float) -> None:
    with pytest.raises(ConfigError) as caught:
        check_at_least(1, "path.", k=5, points=value)
    assert str(caught.value) == f"path.points must be >= 1, got {value}"
