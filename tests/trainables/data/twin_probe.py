"""A cheap probe of what can be learned from small pictures: a band that difficulty must stay in.

Axes: n pictures, c channels, h rows, w columns, d features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Features = npt.NDArray[np.float64]


def features(pixels_nchw: npt.NDArray[np.uint8]) -> Features:
    """Return colour quantiles, tiny pictures, edges by direction and place, and small details."""
    light_nchw = pixels_nchw / 255.0
    n = len(light_nchw)
    levels = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
    colours = np.quantile(light_nchw.reshape(n, light_nchw.shape[1], -1), levels, axis=2)
    grey_nhw = light_nchw.mean(axis=1)
    across, down = np.diff(grey_nhw, axis=2)[:, 1:], np.diff(grey_nhw, axis=1)[:, :, 1:]
    size = np.hypot(across, down)
    turn = np.floor(np.mod(np.arctan2(down, across), np.pi) / np.pi * 5.999)
    edges = [_cells(np.pad(size * (turn == k), ((0, 0), (1, 0), (1, 0))), 4) for k in range(6)]
    tops = np.quantile(size.reshape(n, -1), (0.5, 0.9, 0.97, 0.995), axis=1).T
    tiny = _cells(grey_nhw, 8)
    windows = np.lib.stride_tricks.sliding_window_view(grey_nhw, (5, 5), axis=(1, 2))
    detail = (grey_nhw[:, 2:-2, 2:-2] - windows.mean(axis=(3, 4))).reshape(n, -1)
    spots = np.quantile(detail, (0.002, 0.01, 0.05, 0.95, 0.99, 0.998), axis=1).T
    return np.concatenate(
        [colours.transpose(1, 0, 2).reshape(n, -1), tiny, *edges, tops, spots], axis=1
    )


def fitted_scores(
    train: tuple[npt.NDArray[np.uint8], Any], pixels_nchw: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """Fit on (pixels, labels) and return class probabilities of other pictures."""
    logistic = LogisticRegression(C=0.02, max_iter=500, class_weight="balanced")
    model = logistic if np.ndim(train[1]) == 1 else OneVsRestClassifier(logistic)
    probe = make_pipeline(StandardScaler(), model).fit(features(train[0]), train[1])
    scores: npt.NDArray[np.float64] = probe.predict_proba(features(pixels_nchw))
    return scores


def _cells(map_nhw: npt.NDArray[np.float64], cells: int) -> Features:
    n, side = len(map_nhw), map_nhw.shape[1] // cells
    cut = map_nhw[:, : side * cells, : side * cells]
    return cut.reshape(n, cells, side, cells, side).mean(axis=(2, 4)).reshape(n, -1)
