"""Draw synthetic dermoscopy with the classes of ISIC 2019, a batch at a time."""

from __future__ import annotations

import numpy as np

from trainables.config import seed_from
from trainables.data.batches import Pictures, draw_labels, in_batches
from trainables.data.card import Split
from trainables.data.twin import TwinParameters
from trainables.data.twins.canvas import Ints
from trainables.data.twins.lesion_pixels import paint_lesions
from trainables.data.twins.lesion_truth import draw_lesion_truth


def generate(parameters: TwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    seed = ("isic2019_twin", domain, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = draw_labels(rng, parameters.counts[split], parameters.shares)
    return in_batches(seed, labels, lambda rng, part: _draw(rng, part, parameters.size_px))


def _draw(rng: np.random.Generator, labels: Ints, size_px: int) -> Pictures:
    truth = draw_lesion_truth(rng, labels)
    return paint_lesions(rng, truth, size_px), truth
