"""Draw what generated lesions look like before they are painted: criteria and signs by diagnosis.

Diagnoses are numbered as the classes of ISIC 2019.
"""

from __future__ import annotations

import numpy as np

from trainables.data.batches import Truth
from trainables.data.twins.canvas import Ints
from trainables.data.twins.isic2019_twin import MALIGNANT_SCORE

_MEL, _NV, _BCC, _AK, _BKL, _DF, _VASC, _SCC = range(8)

# Least and greatest count of what decides a class, by class (MEL, NV, BCC, AK, BKL, DF, VASC, SCC).
_SIGNS = {
    "vessels": {_BCC: (2, 5)},
    "follicles": {_AK: (7, 14)},
    "cysts": {_BKL: (3, 8)},
    "scar": {_DF: (1, 1)},
    "lacunae": {_VASC: (5, 11)},
    "keratin": {_SCC: (1, 3)},
    "globules": {_MEL: (0, 6), _NV: (0, 12), _BCC: (0, 4)},
    "network": {_MEL: (0, 1), _NV: (0, 1), _DF: (0, 1)},
}


def draw_lesion_truth(rng: np.random.Generator, labels: Ints) -> Truth:
    """Draw how marked each criterion is, from 0 to 3, and how many of each sign there are."""
    n = len(labels)
    melanoma, naevus = labels == _MEL, labels == _NV
    veil = melanoma & (rng.random(n) < 0.4)
    score = rng.binomial(7, 0.3, n)
    score = np.where(naevus, np.minimum(score, MALIGNANT_SCORE - 1), score)
    score = np.where(melanoma, rng.integers(MALIGNANT_SCORE, 9, n) - 2 * veil, score)
    # Nine points, three for each criterion: as many of them as the score says, drawn at random.
    drawn = rng.random((n, 9)).argsort(axis=1).argsort(axis=1) < score[:, None]
    points = drawn.reshape(n, 3, 3).sum(axis=2)
    return {
        "label": labels,
        "asymmetry": points[:, 0],
        "border": points[:, 1],
        "colours": points[:, 2],
        "veil": veil.astype(np.int64),
        **{name: _counts(rng, labels, by_class) for name, by_class in _SIGNS.items()},
    }


def _counts(rng: np.random.Generator, labels: Ints, by_class: dict[int, tuple[int, int]]) -> Ints:
    least, most = (np.array([by_class.get(c, (0, 0))[i] for c in range(8)]) for i in (0, 1))
    return rng.integers(least[labels], most[labels] + 1)
