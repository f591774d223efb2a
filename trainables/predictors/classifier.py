"""A fine-tuned or probed classifier that predicts.

Axes: c channels (3), h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from trainables.context import Locations
from trainables.engine.classifier_files import load_classifier
from trainables.predictors.predictor import Prediction, Quantity, refuse


class ClassifierPredictor:
    """Probabilities of the classes; of a multilabel task each by itself.

    Args:
        folder: what :func:`trainables.engine.classifier_files.save_classifier` wrote.

    Raises:
        WeightsError: a file is missing or damaged.
    """

    quantity: Quantity = "probability"
    reads_texts = False

    def __init__(self, folder: Path, locations: Locations) -> None:
        self._model, self._spec = load_classifier(folder, locations)
        self._transform = self._spec.transform.build()

    def predict(self, picture_chw: Tensor, texts: Sequence[str] = ()) -> Prediction:
        """Return the probability of every class.

        Raises:
            ConfigError: it is given texts.
        """
        refuse(texts)
        with torch.inference_mode():
            (logits_k,) = self._model(self._transform(picture_chw)[None])
        multilabel = self._spec.task == "multilabel"
        shares_k = logits_k.sigmoid() if multilabel else logits_k.softmax(dim=0)
        return Prediction(scores=dict(zip(self._spec.classes, shares_k.tolist(), strict=True)))
