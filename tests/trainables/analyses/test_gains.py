"""Gains of figure 1 against the conformance vectors and by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trainables.analyses.gains import transfer_gains


@pytest.mark.parametrize("case_number", [0, 1])
def test_gains_conform(golden: Callable[[str], Any], case_number: int) -> None:
    case = golden("gains")["cases"][case_number]
    found = transfer_gains(case["RI"], case["ST"], case["WT"])
    np.testing.assert_allclose(found.relative, case["ratio_WT_over_RI"], rtol=1e-9)
    np.testing.assert_allclose(found.reuse, case["feature_reuse_gain"], rtol=1e-9)
    np.testing.assert_allclose(found.reuse_scaled, case["feature_reuse_gain_minmax"], rtol=1e-9)


def test_gains_by_hand() -> None:
    found = transfer_gains([0.5, 0.8, 0.4], [0.6, 0.8, 0.2], [0.8, 0.8, 0.4])
    np.testing.assert_allclose(found.relative, [1.6, 1, 1])
    np.testing.assert_allclose(found.reuse, [0.25, 0, 0.5])
    np.testing.assert_allclose(found.reuse_scaled, [0.5, 0, 1])


@pytest.mark.parametrize("gap", [np.nan, 0.0])
def test_setting_without_a_gain_leaves_the_others_their_scale(gap: float) -> None:
    whole = transfer_gains([0.5, 0.8], [0.6, 0.8], [0.8, 0.8])
    found = transfer_gains([0.5, 0.8, 0.4], [0.6, 0.8, 0.2], [0.8, 0.8, gap])
    np.testing.assert_allclose(found.reuse_scaled[:2], whole.reuse_scaled)
    assert not np.isfinite(found.reuse_scaled[2])


def test_equal_gains_have_no_scale() -> None:
    assert np.isnan(transfer_gains([0.5, 0.5], [0.6, 0.6], [0.8, 0.8]).reuse_scaled).all()


@pytest.mark.parametrize("weights", [[0.8, 0.9], []])
def test_unequal_settings_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="must match"):
        transfer_gains([0.5], [0.6], weights)
