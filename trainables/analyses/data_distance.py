"""The body of the trainable that measures how far a data set is from a reference.

Legend: n pictures, d feature width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from trainables.analyses.fid import Gaussian, fit_gaussian, frechet_distance
from trainables.config import DataRef
from trainables.context import Context
from trainables.data.card import SPLITS
from trainables.data.cards import get_data_card
from trainables.data.image_set import ImageSet
from trainables.data.open import open_split
from trainables.engine.inputs import eval_transform
from trainables.features import frozen_features
from trainables.models.published_norm import as_published

if TYPE_CHECKING:
    from trainables.data_distance import Config

_ROWS = 4096  # that are centred and squared in float64 at a time


def measure(config: Config, context: Context) -> dict[str, float]:
    """Do what :func:`trainables.data_distance.run` promises."""
    # Normalised as the backbone wants it, and so the same for both sets.
    by_card = eval_transform(config.backbone, config.data, config.image_size_px)
    transform = as_published(by_card, config.backbone, context.locations)

    def fit(sets: Sequence[ImageSet]) -> Gaussian:
        # One split at a time: all features of the largest set are gigabytes.
        parts = (frozen_features(config.backbone, s, transform, context) for s in sets)
        return fit_gaussian(
            rows_nd for feats_nd in parts for rows_nd in torch.split(feats_nd, _ROWS)
        )

    references = _open_all(config.reference, context)
    reference = fit(references)
    if context.resume() is None:
        val = fit([open_split(config.data, "val", context)])
        metrics = {"val/fid": frechet_distance(val, reference)}
        context.report(step=1, metrics=metrics, state=dict)
    if not context.final:
        return {}
    pictures = _open_all(config.data, context)
    return {
        "fid": frechet_distance(fit(pictures), reference),
        "n": float(sum(map(len, pictures))),
        "n_reference": float(sum(map(len, references))),
    }


def _open_all(ref: DataRef, context: Context) -> list[ImageSet]:
    """Open every split that a set has and this trial may see."""
    counts = get_data_card(ref.name).expected_counts
    splits = [s for s in SPLITS if counts.get(s, 1) and (s != "test" or context.final)]
    return [open_split(ref, split, context) for split in splits]
