"""One interface for every trained model: a picture in, scores by name and perhaps masks out.

Axes: c channels (3), h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from torch import Tensor

from trainables.context import Locations
from trainables.errors import ConfigError
from trainables.predictors.kinds import WEIGHTS_FOLDER, Kind, require_kind

Quantity = Literal["probability", "cosine", "share of the picture"]

NOTICE = (
    "Output of a research model. It is no finding and no diagnosis, and must not be used to care "
    "for patients."
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prediction:
    """What a model says about one picture.

    Args:
        scores: class, text or structure -> its value.
        masks_hw: structure -> bool mask of the picture's own size.
    """

    scores: Mapping[str, float]
    masks_hw: Mapping[str, Tensor] = field(default_factory=dict)


class Predictor(Protocol):
    """A trained model in evaluation mode, on the CPU.

    Attributes:
        quantity: what its scores are.
        reads_texts: whether it is asked with texts; then scores and masks are theirs.
    """

    quantity: Quantity
    reads_texts: bool

    def predict(self, picture_chw: Tensor, texts: Sequence[str] = ()) -> Prediction:
        """Judge one picture, uint8 (3, h, w) of any size.

        Raises:
            ConfigError: texts are missing, too long, or of no use to the model.
        """


def refuse(texts: Sequence[str]) -> None:
    """Refuse texts for a model that reads none.

    Raises:
        ConfigError: there are some.
    """
    if texts:
        raise ConfigError(f"the model reads no text: leave out {list(texts)}")


def load_predictor(folder: Path, locations: Locations) -> Predictor:
    """Load the model in a folder: artifacts of a trial, or what was registered.

    Published weights that lie in the folder are taken from there.

    Raises:
        WeightsError: there is no model, a file is damaged, or weights it needs are not here.
    """
    kind = require_kind(folder)
    if (folder / WEIGHTS_FOLDER).is_dir():
        locations = replace(locations, weights=folder / WEIGHTS_FOLDER)
    return _loaded(kind, folder, locations)


def _loaded(kind: Kind, folder: Path, locations: Locations) -> Predictor:
    if kind == "classifier":
        from trainables.predictors.classifier import ClassifierPredictor

        return ClassifierPredictor(folder, locations)
    if kind == "generaliser":
        from trainables.predictors.generaliser import GeneraliserPredictor

        return GeneraliserPredictor(folder, locations)
    if kind == "segmenter":
        from trainables.predictors.segmenter import SegmenterPredictor

        return SegmenterPredictor(folder, locations)
    if kind == "bottleneck":
        from trainables.predictors.bottleneck import BottleneckPredictor

        return BottleneckPredictor(folder, locations)
    from trainables.predictors.clip import ClipPredictor

    return ClipPredictor(folder)
