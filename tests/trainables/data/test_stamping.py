"""Stamps paint what a plain loop over pictures and shapes would."""

from __future__ import annotations

import numpy as np

from trainables.data.twins.stamping import stamp_ellipses, stamp_points

SIDE = 32
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]


def test_ellipses_match_a_loop_over_full_pictures() -> None:
    rng = np.random.default_rng(0)
    owner = np.array([0, 0, 1, 2, 2])
    centre = rng.uniform(-2, SIDE + 2, (5, 2)).astype(np.float32)
    radii = rng.uniform(1, 4, (5, 2)).astype(np.float32)
    angle = rng.uniform(0, 3, 5).astype(np.float32)
    expected = np.zeros((3, SIDE, SIDE))
    for k, picture in enumerate(owner):
        dx, dy = COLUMNS - centre[k, 0], ROWS - centre[k, 1]
        along = (dx * np.cos(angle[k]) + dy * np.sin(angle[k])) / radii[k, 0]
        across = (-dx * np.sin(angle[k]) + dy * np.cos(angle[k])) / radii[k, 1]
        outside = (np.hypot(along, across) - 1) * radii[k].min()
        cover = np.clip(0.5 - outside / 1.5, 0, 1)
        expected[picture] = np.maximum(expected[picture], cover)
    painted = np.zeros((3, SIDE, SIDE), dtype=np.float32)
    stamp_ellipses(painted, owner, centre, radii, angle, edge_px=1.5)
    # A stretched edge may reach past the painted square by a fraction of a pixel.
    np.testing.assert_allclose(painted, expected, atol=0.01)


def test_points_match_a_loop_within_their_reach() -> None:
    owner = np.array([1, 1])
    centre = np.array([[10.3, 20.6], [12.0, 20.0]], dtype=np.float32)
    width, weight = np.array([0.8, 1.2], np.float32), np.array([0.9, 0.5], np.float32)
    expected = np.zeros((2, SIDE, SIDE))
    for k in range(2):
        squared = (COLUMNS - centre[k, 0]) ** 2 + (ROWS - centre[k, 1]) ** 2
        expected[1] = np.maximum(expected[1], weight[k] * np.exp(-0.5 * squared / width[k] ** 2))
    painted = np.zeros((2, SIDE, SIDE), dtype=np.float32)
    stamp_points(painted, owner, centre, width, weight)
    near = expected > 0.1
    np.testing.assert_allclose(painted[near], expected[near], atol=1e-5)
    assert np.abs(painted - expected).max() < 0.1


def test_nothing_to_paint_paints_nothing() -> None:
    painted = np.zeros((1, 4, 4), dtype=np.float32)
    none = np.zeros((0, 2), dtype=np.float32)
    stamp_ellipses(painted, np.zeros(0, dtype=np.int64), none, none, none[:, 0], edge_px=1.0)
    stamp_points(painted, np.zeros(0, dtype=np.int64), none, none[:, 0], none[:, 0])
    assert not painted.any()
