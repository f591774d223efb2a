"""What MLflow loads a registered model with: pictures and texts in, a table out.

Axes: h rows, w columns.
"""

from __future__ import annotations

import base64
import io
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.models.flavour import IMAGE, TEXTS
from trainables.context import Locations
from trainables.predictors.package import picture_channels
from trainables.predictors.pictures import decode_picture
from trainables.predictors.predictor import NOTICE, Prediction, load_predictor

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

logger = logging.getLogger(__name__)


class ServedModel:
    """A model as MLflow calls it.

    Args:
        folder: what was registered; nothing else is read.
    """

    def __init__(self, folder: Path) -> None:
        # Twins are trained anew into it; it goes when the model does.
        self._scratch = tempfile.TemporaryDirectory(prefix="xenograft-")
        nowhere = Path(self._scratch.name)
        locations = Locations(data=nowhere, weights=nowhere, store=nowhere / "store")
        self._predictor = load_predictor(folder, locations)
        self._channels = picture_channels(folder)
        logger.warning(NOTICE)

    def predict(self, table: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Judge the pictures of a table.

        Args:
            table: column ``image`` holds the bytes of a file.
            params: ``texts``, for models that read them.

        Returns:
            For classifiers a row per picture and a column per class, else a row per picture and
            text or structure: ``picture``, ``name``, ``value``, and of segmenters ``mask_png``.

        Raises:
            DatasetError: a picture cannot be decoded.
            ConfigError: texts are missing, or of no use.
        """
        import pandas as pd

        texts = list((params or {}).get(TEXTS, ()))
        predictions = [
            self._predictor.predict(decode_picture(content, self._channels), texts)
            for content in table[IMAGE]
        ]
        if self._predictor.quantity == "probability":
            return pd.DataFrame([dict(prediction.scores) for prediction in predictions])
        rows = [row for number, p in enumerate(predictions) for row in _rows(number, p)]
        return pd.DataFrame(rows)


def _load_pyfunc(path: str) -> ServedModel:
    """Load what was registered; the name is MLflow's."""
    return ServedModel(Path(path))


def _rows(number: int, prediction: Prediction) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, value in prediction.scores.items():
        row = {"picture": number, "name": name, "value": value}
        if name in prediction.masks_hw:
            row["mask_png"] = _png(prediction.masks_hw[name])
        rows.append(row)
    return rows


def _png(mask_hw: Tensor) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(mask_hw.numpy().astype("uint8") * 255).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
