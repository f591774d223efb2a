"""A trained segmenter that outlines.

Axes: n questions, k channels, c colours (3), h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from trainables.context import Locations
from trainables.errors import ConfigError
from trainables.predictors.predictor import Prediction, Quantity, refuse
from trainables.segmentation.channels import decided
from trainables.segmentation.model_files import load_segmenter
from trainables.segmentation.network import NetworkInput
from trainables.segmentation.resize import enlarge_prediction, prepare_picture

_ONE_CHANNEL = "structure"
"""The name of the only mask of a network that reads no text."""


class SegmenterPredictor:
    """Masks at the size of the picture, and their share of it.

    Args:
        folder: what :func:`trainables.segmentation.model_files.save_segmenter` wrote.

    Raises:
        WeightsError: a file is missing or damaged, or weights of a frozen part are not here.
    """

    quantity: Quantity = "share of the picture"

    def __init__(self, folder: Path, locations: Locations) -> None:
        self._network, description = load_segmenter(folder, locations)
        self._network.eval()
        self._spec = description.spec
        self._background = description.spec.background
        self.reads_texts = self._network.segmenter.card.reads_text

    def predict(self, picture_chw: Tensor, texts: Sequence[str] = ()) -> Prediction:
        """Outline what each text asks for, or each channel of a network that reads none.

        Raises:
            ConfigError: a network that reads texts gets none, or another one some.
        """
        if not self.reads_texts:
            refuse(texts)
        elif not texts:
            raise ConfigError("the model outlines what a text asks for: give at least one")
        pixels_chw = prepare_picture(picture_chw, self._spec.transform)
        with torch.inference_mode():
            planes = self._asked(pixels_chw, texts) if self.reads_texts else self._shown(pixels_chw)
        height, width = picture_chw.shape[1:]
        masks_hw = {
            name: enlarge_prediction(mask_hw, height, width) for name, mask_hw in planes.items()
        }
        shares = {name: float(mask_hw.float().mean()) for name, mask_hw in masks_hw.items()}
        return Prediction(scores=shares, masks_hw=masks_hw)

    def _asked(self, pixels_chw: Tensor, texts: Sequence[str]) -> dict[str, Tensor]:
        pixels_nchw = pixels_chw.expand(len(texts), -1, -1, -1)
        tokens = self._network.segmenter.tokenize(texts)
        logits_nkhw = self._network(NetworkInput(pixels_nchw=pixels_nchw, tokens=tokens))
        return dict(zip(texts, self._decided(logits_nkhw)[:, 0], strict=True))

    def _shown(self, pixels_chw: Tensor) -> dict[str, Tensor]:
        (mask_khw,) = self._decided(self._network(NetworkInput(pixels_nchw=pixels_chw[None])))
        names = tuple(self._spec.channels) or (_ONE_CHANNEL,)
        named = zip(names, mask_khw, strict=True)
        return {name: mask_hw for k, (name, mask_hw) in enumerate(named) if k != self._background}

    def _decided(self, logits_nkhw: Tensor) -> Tensor:
        exclusive = self._background is not None
        return decided(logits_nkhw, self._spec.threshold, exclusive=exclusive)
