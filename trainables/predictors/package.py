"""The files of a trained model that predicts where there is nothing else of the study. No torch.

A trial's artifacts are enough for a classifier, tuned towers, and a segmenter that trained whole.
Other segmenters leave out their encoders, a bottleneck its backbone, and a method whose texts
follow the picture its text tower: their published weights go along, laid out as in a weights
folder. What is drawn from a seed or trained as a twin is made again from its recipe.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trainables.config import BackboneRef, from_mapping
from trainables.context import Locations
from trainables.data.cards import get_data_card
from trainables.data.content_hash import content_sha256
from trainables.errors import ConfigError, WeightsError
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.text_config import texts_follow_picture
from trainables.models.weights_files import weights_files
from trainables.predictors.kinds import (
    CLIP_FOLDER,
    FILES,
    WEIGHTS_FOLDER,
    Kind,
    description_of,
    require_kind,
)

FACTS = "xenograft.json"
"""In a registered model: what it is, where it comes from, and how pictures are read."""

CHANNELS = "picture_channels"
"""Its key for the channels of pictures: 1 reads their grey value, 3 their colours."""

_TOWERS = "open_clip_model.safetensors"


def package_files(
    folder: Path, locations: Locations, others: Iterable[Path] = ()
) -> Mapping[str, Path]:
    """Return the path inside the package of every file of a model -> where it is.

    Args:
        folder: artifacts of a replicate.
        others: artifact folders of other trials, where tuned towers that it needs may be.

    Raises:
        WeightsError: the folder holds no model, or weights that it needs are not here.
    """
    kind = require_kind(folder)
    files = {name: folder / name for name in FILES[kind]}
    needed, clip = _needs(folder, kind)
    if clip:
        towers = _towers(clip, others, locations)
        files |= {f"{CLIP_FOLDER}/{name}": towers / name for name in FILES["clip"]}
    elif needed is not None:
        found = weights_files(needed, locations)
        files |= {f"{WEIGHTS_FOLDER}/{name}": path for name, path in found.items()}
    return files


def picture_channels(folder: Path) -> int:
    """Return the channels that pictures are read with: 1 for grey ones, else 3.

    Raises:
        WeightsError: the folder holds no model, or does not say what it was trained on.
        SelectionError: that is a data set nobody knows here.
    """
    if (folder / FACTS).is_file():
        try:
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            return 1 if facts[CHANNELS] == 1 else 3
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{folder / FACTS} is damaged: {error!r}") from None
    return channels_of(trained_on(folder, require_kind(folder)))


def channels_of(data: str) -> int:
    """Return the channels that pictures of a data set are read with.

    Raises:
        SelectionError: there is no such data set.
    """
    return 1 if get_data_card(data).channels == 1 else 3


def trained_on(folder: Path, kind: Kind) -> str:
    """Return the name of the data set that a model was trained on.

    Raises:
        WeightsError: its description does not say.
    """
    content = description_of(folder, kind)
    part = content.get("reading") if kind == "bottleneck" else content.get("config")
    try:
        data = (part or {})["data"]
        return str(data if kind == "bottleneck" else data["name"])
    except (KeyError, TypeError):
        raise WeightsError(
            f"{folder / FILES[kind][0]} does not say what the model was trained on"
        ) from None


def _needs(folder: Path, kind: Kind) -> tuple[BackboneRef | None, str]:
    """Return whose weights a model needs besides its own files, and the sha256 of tuned towers."""
    if kind in ("classifier", "clip"):
        return None, ""
    content = description_of(folder, kind)
    try:
        if kind == "generaliser":
            return _text_tower(content[kind]["method"]), ""
        if kind == "segmenter":
            return _encoders(content), ""
        origin = content["origin"]
        return _reference(origin["backbone"]), str(origin["clip"])
    except (KeyError, TypeError, ConfigError) as error:
        raise WeightsError(
            f"{folder / FILES[kind][0]} does not say what it was trained from: {error!r}"
        ) from None


def _encoders(content: Mapping[str, Any]) -> BackboneRef | None:
    if content.get("whole") is True:
        return None
    return _reference(content["segmenter"]["spec"]["segmenter"])


def _text_tower(values: Mapping[str, Any]) -> BackboneRef | None:
    method = from_mapping(MethodConfig, values)
    return method.backbone if texts_follow_picture(method.name, method.prompt) else None


def _reference(values: Mapping[str, Any]) -> BackboneRef:
    return from_mapping(BackboneRef, values)


def _towers(sha256: str, others: Iterable[Path], locations: Locations) -> Path:
    for folder in others:
        path = folder / _TOWERS
        if path.is_file() and content_sha256(path, locations.store) == sha256:
            return folder
    raise WeightsError(f"the tuned towers with sha256 {sha256[:16]}... are no longer here")
