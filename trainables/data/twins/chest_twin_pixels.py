"""Draw the pictures of KnoBo's synthetic radiographs, a batch at a time.

Axes: n pictures, c channels (1), h rows, w columns.
"""

from __future__ import annotations

import numpy as np

from trainables.config import seed_from
from trainables.data.batches import Pictures, draw_labels, in_batches
from trainables.data.card import Split
from trainables.data.sets.chexpert_findings import FINDINGS, NO_FINDING
from trainables.data.twins.canvas import Ints
from trainables.data.twins.chest_twin import ChestTwinParameters
from trainables.data.twins.chexpert_twin_pixels import draw_chests
from trainables.data.twins.confounder import draw_confounder

# Of the side of the picture: from its corner, and how large; white is 255.
_MARKER_FROM, _MARKER_TO = 0.05, 0.16
_MARKER = 250


def generate(parameters: ChestTwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    seed = ("chest_twin", domain, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = draw_labels(rng, parameters.counts[split], parameters.shares)
    marked = np.zeros_like(labels)
    if parameters.confounder:
        marked = draw_confounder(rng, labels, split)
    drawn_from = np.column_stack([labels, marked, _findings(rng, labels, parameters)])
    return in_batches(seed, drawn_from, lambda rng, part: _draw(rng, part, parameters.size_px))


def _findings(rng: np.random.Generator, labels: Ints, parameters: ChestTwinParameters) -> Ints:
    """Return 0 or 1 per finding, (n, 14)."""
    of_class = list(parameters.classes.values())
    found = np.zeros((len(labels), len(FINDINGS)), dtype=np.int64)
    for row, label in enumerate(labels):
        chosen = of_class[label][rng.integers(len(of_class[label]))] or (NO_FINDING,)
        found[row, [FINDINGS.index(name) for name in chosen]] = 1
    return found


def _draw(rng: np.random.Generator, drawn_from: Ints, size_px: int) -> Pictures:
    labels, marked, findings = drawn_from[:, 0], drawn_from[:, 1], drawn_from[:, 2:]
    pixels_nchw, truth = draw_chests(rng, findings, size_px)
    corner = slice(round(_MARKER_FROM * size_px), round(_MARKER_TO * size_px))
    pixels_nchw[marked == 1, :, corner, corner] = _MARKER
    return pixels_nchw, {**truth, "label": labels, "confounder": marked}
