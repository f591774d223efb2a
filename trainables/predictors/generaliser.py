"""A classifier by a method of domain generalisation that predicts.

Axes: c channels (3), h rows, w columns, k classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from trainables.context import Locations
from trainables.generalisation.method_files import load_method
from trainables.predictors.predictor import Prediction, Quantity, refuse


class GeneraliserPredictor:
    """Probabilities of the classes.

    Args:
        folder: what :func:`trainables.generalisation.method_files.save_method` wrote.

    Raises:
        WeightsError: a file is missing or damaged, or the text tower that it needs is not here.
    """

    quantity: Quantity = "probability"
    reads_texts = False

    def __init__(self, folder: Path, locations: Locations) -> None:
        self._method, spec = load_method(folder, locations)
        self._classes = spec.classes
        self._transform = spec.transform.build()

    def predict(self, picture_chw: Tensor, texts: Sequence[str] = ()) -> Prediction:
        """Return the probability of every class.

        Raises:
            ConfigError: it is given texts.
        """
        refuse(texts)
        with torch.inference_mode():
            (logits_k,) = self._method(self._transform(picture_chw)[None])
        shares = logits_k.softmax(dim=0).tolist()
        return Prediction(scores=dict(zip(self._classes, shares, strict=True)))
