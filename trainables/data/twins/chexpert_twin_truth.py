"""Which findings a synthetic chest has, and how marked the cause of each is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainables.data.batches import Truth
from trainables.data.sets.chexpert_findings import FINDINGS
from trainables.data.twins.canvas import Ints
from trainables.data.twins.chexpert_twin import WIDE_HEART, WIDE_MEDIASTINUM

# How much heart failure, infection and intensive care bring each finding after "No Finding".
_LOADINGS = np.array(
    [
        (0.5, 0.0, 0.1),
        (0.7, 0.0, 0.0),
        (0.5, 0.6, 0.3),
        (0.0, 0.2, 0.0),
        (0.8, 0.0, 0.2),
        (0.1, 0.7, 0.2),
        (0.0, 0.8, 0.0),
        (0.1, 0.2, 0.5),
        (-0.2, 0.0, 0.4),
        (0.6, 0.2, 0.4),
        (0.0, 0.2, 0.0),
        (0.0, 0.0, 0.1),
        (0.2, 0.0, 0.7),
    ]
)

# Findings that are a number of things, and the greatest number.
_COUNTED = {
    "opacities": ("Lung Opacity", 3),
    "nodules": ("Lung Lesion", 3),
    "consolidations": ("Consolidation", 1),
    "pneumonias": ("Pneumonia", 2),
    "plates": ("Atelectasis", 3),
    "fractures": ("Fracture", 3),
    "devices": ("Support Devices", 3),
}
# Findings of one extent, graded from 1.
_GRADED = {
    "edema": ("Edema", 3),
    "pneumothorax": ("Pneumothorax", 3),
    "effusion": ("Pleural Effusion", 3),
    "thickening": ("Pleural Other", 3),
}


def draw_findings(rng: np.random.Generator, count: int, shares: tuple[float, ...]) -> Ints:
    """Draw labels (count, 14) that occur together, as many of each finding as its share."""
    common = rng.standard_normal((count, 3)) @ _LOADINGS.T
    own = np.sqrt(1 - (_LOADINGS**2).sum(axis=1)) * rng.standard_normal((count, len(_LOADINGS)))
    rank = (common + own).argsort(axis=0).argsort(axis=0)
    present = rank >= count - np.rint(np.array(shares) * count)
    none = ~present.any(axis=1, keepdims=True)
    return np.concatenate([none, present], axis=1).astype(np.int64)


def draw_causes(rng: np.random.Generator, labels: Ints) -> Truth:
    """Draw the cause of every finding; returns the labels, one column per finding, with them."""
    has = {name: labels[:, k] == 1 for k, name in enumerate(FINDINGS)}
    n = len(labels)
    causes: dict[str, npt.NDArray[np.generic]] = {
        "heart_ratio": _ratio(rng, has["Cardiomegaly"], WIDE_HEART, 0.09, 0.16),
        "mediastinum_ratio": _ratio(
            rng, has["Enlarged Cardiomediastinum"], WIDE_MEDIASTINUM, 0.09, 0.14
        ),
    }
    for name, (finding, most) in (_COUNTED | _GRADED).items():
        causes[name] = np.where(has[finding], rng.integers(1, most + 1, n), 0)
    return {name: present.astype(np.int64) for name, present in has.items()} | causes


def _ratio(
    rng: np.random.Generator,
    wide: npt.NDArray[np.bool_],
    limit: float,
    below: float,
    above: float,
) -> npt.NDArray[np.float64]:
    """Draw widths on the right side of the limit, rarely close to it."""
    away = np.sqrt(rng.uniform(0.02, 1, len(wide)))
    return np.where(wide, limit + above * away, limit - below * away)
