"""A trained classifier as files: ``model.safetensors`` and ``config.json``, enough to predict."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainables.config import BackboneRef, Config, canonical, from_mapping
from trainables.context import Locations
from trainables.data.atomic_file import replace_file, write_json
from trainables.data.card import Task
from trainables.data.transforms import EvalTransform
from trainables.models.factory import create_backbone
from trainables.models.heads import Classifier, LinearHead

_WEIGHTS = "model.safetensors"
_DESCRIPTION = "config.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierSpec:
    """What has to be known beside the weights.

    Args:
        weights: the tag the backbone started from; what it became is in the file.
    """

    card: str
    weights: str
    classes: tuple[str, ...]
    task: Task
    transform: EvalTransform


def save_classifier(
    folder: Path,
    model: Classifier,
    spec: ClassifierSpec,
    config: Config,
    metrics: Mapping[str, float],
) -> None:
    """Write both files; the config is canonical and metrics that are not a number are null."""
    tensors = {name: _plain(tensor) for name, tensor in model.state_dict().items()}
    replace_file(folder / _WEIGHTS, lambda temporary: save_file(tensors, temporary))
    description: dict[str, Any] = {
        "trainable": config.trainable,
        "version": config.version,
        "config": canonical(config),
        "classifier": canonical(spec),
        "metrics": {k: v if math.isfinite(v) else None for k, v in metrics.items()},
    }
    write_json(folder / _DESCRIPTION, description)


def load_classifier(folder: Path, locations: Locations) -> tuple[Classifier, ClassifierSpec]:
    """Rebuild the classifier, in evaluation mode; no file but the two in the folder is read."""
    description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    spec = from_mapping(ClassifierSpec, description["classifier"])
    backbone = create_backbone(
        BackboneRef(card=spec.card), locations, seed=0, image_size_px=spec.transform.size_px
    )
    model = Classifier(backbone, LinearHead(backbone.dim, len(spec.classes), seed=0))
    model.load_state_dict(load_file(folder / _WEIGHTS))
    return model.eval(), spec


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
