"""What kind of model a folder holds, and which files it is. No torch here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from trainables.errors import WeightsError

Kind = Literal["classifier", "generaliser", "segmenter", "bottleneck", "clip"]

FILES: Mapping[Kind, tuple[str, ...]] = {
    "bottleneck": ("bottleneck.json", "bottleneck.safetensors"),
    "clip": ("alignment.json", "open_clip_config.json", "open_clip_model.safetensors"),
    "classifier": ("config.json", "model.safetensors"),
    "generaliser": ("config.json", "model.safetensors"),
    "segmenter": ("config.json", "model.safetensors"),
}
"""The files of each kind of model; the first one describes it."""

WEIGHTS_FOLDER = "weights"
"""In a folder that needs no other: published weights, laid out as in a user's weights folder."""

CLIP_FOLDER = "clip"
"""In such a folder: tuned towers that the model was trained on."""

_SAME_NAMES: frozenset[Kind] = frozenset({"classifier", "generaliser", "segmenter"})
"""Kinds whose descriptions are told apart by a key that is the name of the kind."""


def kind_of(folder: Path) -> Kind | None:
    """Return which kind of model a folder holds, None if it holds none.

    Raises:
        WeightsError: a description is damaged.
    """
    for kind, files in FILES.items():
        if not all((folder / name).is_file() for name in files):
            continue
        if kind not in _SAME_NAMES or kind in description_of(folder, kind):
            return kind
    return None


def require_kind(folder: Path) -> Kind:
    """Return which kind of model a folder holds.

    Raises:
        WeightsError: it holds none, or a description is damaged.
    """
    kind = kind_of(folder)
    if kind is None:
        raise WeightsError(
            f"{folder} holds no model that can predict: name the artifact folder of a replicate "
            "that trained a classifier, a segmenter, a bottleneck or CLIP"
        )
    return kind


def description_of(folder: Path, kind: Kind) -> dict[str, Any]:
    """Return what the description of a model says.

    Raises:
        WeightsError: it is missing or damaged.
    """
    path = folder / FILES[kind][0]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} does not describe a model: {error}") from None
    if not isinstance(content, dict):
        raise WeightsError(f"{path} does not describe a model: it holds no JSON object")
    return content
