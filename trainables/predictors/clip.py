"""Tuned CLIP towers that say how well texts fit a picture.

Axes: c channels (3), h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from trainables.alignment.openclip_folder import load_aligned
from trainables.alignment.similarity import cosines
from trainables.errors import ConfigError
from trainables.predictors.predictor import Prediction, Quantity


class ClipPredictor:
    """Cosines of a picture with texts.

    Args:
        folder: what :func:`trainables.alignment.openclip_folder.save_aligned` wrote.

    Raises:
        WeightsError: a file is missing or damaged.
    """

    quantity: Quantity = "cosine"
    reads_texts = True

    def __init__(self, folder: Path) -> None:
        self._towers = load_aligned(folder)

    def predict(self, picture_chw: Tensor, texts: Sequence[str] = ()) -> Prediction:
        """Return the cosine of every text.

        Raises:
            ConfigError: there is no text, or one is too long.
        """
        if not texts:
            raise ConfigError("the model compares pictures with texts: give at least one")
        (cosines_t,) = cosines(self._towers, [picture_chw], texts)
        return Prediction(scores=dict(zip(texts, cosines_t.tolist(), strict=True)))
