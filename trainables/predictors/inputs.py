"""What a trained model takes and tells apart, from its description alone. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.config import canonical, from_mapping
from trainables.errors import ConfigError, SelectionError, WeightsError
from trainables.models.segmenter_cards import get_segmenter_card
from trainables.predictors.kinds import FILES, Kind, description_of
from trainables.segmentation.spec import SegmenterSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInputs:
    """What goes in, and the names of what comes out.

    Args:
        preprocessing: canonical form of the transform of pictures; has ``size_px``, ``mean``,
            ``std``. Applied by the model itself.
        classes: what it tells apart; of a segmenter its channels; empty where texts say it.
        reads_texts: whether it is asked with texts.
    """

    preprocessing: Mapping[str, Any]
    classes: tuple[str, ...] = ()
    reads_texts: bool = False


def model_inputs(folder: Path, kind: Kind) -> ModelInputs:
    """Return what the model in a folder takes.

    Raises:
        WeightsError: its description is missing, damaged, or does not say.
    """
    content = description_of(folder, kind)
    try:
        return _inputs(content, kind)
    except (KeyError, TypeError, ConfigError, SelectionError) as error:
        path = folder / FILES[kind][0]
        raise WeightsError(f"{path} does not say what the model takes: {error!r}") from None


def _inputs(content: Mapping[str, Any], kind: Kind) -> ModelInputs:
    if kind == "clip":
        return ModelInputs(preprocessing=content["transform"], reads_texts=True)
    if kind in ("classifier", "generaliser"):
        spec = content[kind]
        return ModelInputs(preprocessing=spec["transform"], classes=tuple(spec["classes"]))
    if kind == "bottleneck":
        transform = content["reading"]["transform"]
        return ModelInputs(preprocessing=transform, classes=tuple(content["labels"]))
    segmenter = from_mapping(SegmenterSpec, content["segmenter"]["spec"])
    card = get_segmenter_card(segmenter.segmenter.card)
    return ModelInputs(
        preprocessing={
            **canonical(segmenter.transform),
            "interpolation": card.interpolation,
            "resize": "squash",
            "threshold": segmenter.threshold,
        },
        classes=tuple(name for name in content["channels"] if segmenter.channels[name]),
        reads_texts=card.reads_text,
    )
