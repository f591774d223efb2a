"""A concept bottleneck on its frozen network that predicts.

Axes: c channels (3), h rows, w columns, n pictures (1), d feature width, k classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from trainables.alignment.openclip_folder import load_aligned
from trainables.concepts.bottleneck_files import Reading, load_bottleneck, load_reading
from trainables.concepts.grounding_files import Origin
from trainables.context import Locations
from trainables.errors import WeightsError
from trainables.models.backbone import Backbone
from trainables.models.factory import create_backbone
from trainables.predictors.kinds import CLIP_FOLDER
from trainables.predictors.predictor import Prediction, Quantity, refuse


class BottleneckPredictor:
    """Probabilities of the classes.

    Args:
        folder: what :func:`trainables.concepts.bottleneck_files.save_bottleneck` wrote; where tuned
            towers stood in for the backbone, with those in ``clip/``.

    Raises:
        WeightsError: a file is missing or damaged, or the backbone's weights are not here.
    """

    quantity: Quantity = "probability"
    reads_texts = False

    def __init__(self, folder: Path, locations: Locations) -> None:
        self._bottleneck, origin = load_bottleneck(folder)
        reading = load_reading(folder)
        self._network = _network(folder, origin, reading, locations).eval()
        self._transform = reading.transform.build()

    def predict(self, picture_chw: Tensor, texts: Sequence[str] = ()) -> Prediction:
        """Return the probability of every class.

        Raises:
            ConfigError: it is given texts.
        """
        refuse(texts)
        with torch.inference_mode():
            feats_nd = self._network(self._transform(picture_chw)[None]).float()
            (shares_k,) = self._bottleneck.probabilities(feats_nd)
        return Prediction(
            scores=dict(zip(self._bottleneck.classes, shares_k.tolist(), strict=True))
        )


def _network(folder: Path, origin: Origin, reading: Reading, locations: Locations) -> Backbone:
    if origin.clip:
        if not (folder / CLIP_FOLDER).is_dir():
            raise WeightsError(
                f"{folder} lacks the tuned towers it reads pictures with: name the registered "
                f"model, which has them in '{CLIP_FOLDER}'"
            )
        return load_aligned(folder / CLIP_FOLDER).images
    return create_backbone(
        origin.backbone,
        locations,
        seed=0,  # a bottleneck never stands on random weights
        image_size_px=reading.transform.size_px,
        in_chans=len(reading.transform.mean),
        replicate=reading.replicate,
    )
