"""Draw the pictures of the synthetic skin sets, a batch at a time.

Axes: n pictures, c channels, h rows, w columns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainables.config import seed_from
from trainables.data.batches import Pictures, draw_labels, in_batches
from trainables.data.card import Split
from trainables.data.twins.canvas import Ints
from trainables.data.twins.confounder import draw_confounder
from trainables.data.twins.lesion_concepts import DIAGNOSES
from trainables.data.twins.lesion_pixels import paint_lesions
from trainables.data.twins.lesion_truth import draw_lesion_truth
from trainables.data.twins.lesion_twin import LesionTwinParameters

# Of red, green and blue, in the other light: colder, as of another lamp.
_OTHER_LIGHT = np.array((0.86, 0.99, 1.14), dtype=np.float32)[:, None, None]


def generate(parameters: LesionTwinParameters, domain: str, split: Split) -> Pictures:
    """Draw all pictures of a split, and the ground truth they were drawn from."""
    seed = ("lesion_twin", domain, split)
    rng = np.random.default_rng(seed_from(*seed, "labels"))
    labels = draw_labels(rng, parameters.counts[split], parameters.shares)
    diagnoses = _diagnoses(rng, labels, parameters)
    light = np.zeros_like(labels)
    if parameters.confounder:
        light = draw_confounder(rng, labels, split)
    drawn_from = np.stack([labels, diagnoses, light], axis=1)
    return in_batches(seed, drawn_from, lambda rng, part: _draw(rng, part, parameters.size_px))


def _diagnoses(rng: np.random.Generator, labels: Ints, parameters: LesionTwinParameters) -> Ints:
    of_class = [[DIAGNOSES.index(d) for d in named] for named in parameters.classes.values()]
    return np.array([rng.choice(of_class[label]) for label in labels], dtype=np.int64)


def _draw(rng: np.random.Generator, drawn_from: Ints, size_px: int) -> Pictures:
    labels, diagnoses, light = drawn_from.T
    truth = draw_lesion_truth(rng, diagnoses)
    pixels_nchw = _lit(paint_lesions(rng, truth, size_px), light == 1)
    return pixels_nchw, {**truth, "label": labels, "diagnosis": diagnoses, "confounder": light}


def _lit(
    pixels_nchw: npt.NDArray[np.uint8], other_n: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint8]:
    lit_nchw = np.rint(np.minimum(pixels_nchw[other_n] * _OTHER_LIGHT, 255)).astype(np.uint8)
    pixels_nchw[other_n] = lit_nchw
    return pixels_nchw
