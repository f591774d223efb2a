"""Draw the stand-in for the four retinopathy sets."""

from __future__ import annotations

import numpy as np

from trainables.data.batches import Pictures
from trainables.data.card import Split
from trainables.data.twins.dr_twin import DrTwinParameters
from trainables.data.twins.fundus_pixels import draw_graded


def generate(parameters: DrTwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a domain, grade after grade as in a folder of grades."""
    pictures = np.array(parameters.pictures[domain])
    labels = np.repeat(np.arange(len(pictures)), pictures)
    seed = ("dr_twin", domain, split)
    return draw_graded(seed, labels, parameters.cameras[domain], parameters.size_px)
