"""A trained classifier as files: ``model.safetensors`` and ``config.json``, enough to predict."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from trainables.config import BackboneRef, Config, canonical, from_mapping
from trainables.context import Locations
from trainables.data.atomic_file import replace_file, write_json
from trainables.engine.classifier_spec import ClassifierSpec, create_classifier
from trainables.errors import ConfigError, WeightsError
from trainables.models.card import RANDOM
from trainables.models.checkpoints import load_strictly, read_checkpoint
from trainables.models.heads import Classifier

_WEIGHTS = "model.safetensors"
_DESCRIPTION = "config.json"
_INITIAL = "initial.safetensors"


def save_classifier(
    folder: Path,
    model: Classifier,
    spec: ClassifierSpec,
    config: Config,
    metrics: Mapping[str, float],
) -> None:
    """Write both files; the config is canonical and metrics that are not a number are null."""
    _save_state(folder / _WEIGHTS, model)
    description: dict[str, Any] = {
        "trainable": config.trainable,
        "version": config.version,
        "config": canonical(config),
        "classifier": canonical(spec),
        "metrics": {k: v if math.isfinite(v) else None for k, v in metrics.items()},
    }
    write_json(folder / _DESCRIPTION, description)


def save_initial(folder: Path, model: Classifier) -> None:
    """Write ``initial.safetensors``, the state before training, named as in the trained one.

    Layer importance, weight distance and similarity compare with it, so it never changes: a trial
    that goes on finds the file it wrote when it began.
    """
    if not (folder / _INITIAL).exists():
        _save_state(folder / _INITIAL, model)


def load_initial(folder: Path) -> dict[str, Tensor]:
    """Return the state that :func:`save_initial` wrote.

    Raises:
        WeightsError: it is not there, or damaged.
    """
    path = folder / _INITIAL
    if not path.exists():
        raise WeightsError(f"{path} is missing: train the model with keep_initial=true")
    return read_checkpoint(path)


def set_to_initial(model: Classifier, folder: Path) -> None:
    """Load the state the model was trained from.

    Raises:
        WeightsError: the folder has none, or that of another model.
    """
    load_strictly(model, load_initial(folder), model.backbone.card, folder / _INITIAL)


def load_classifier(folder: Path, locations: Locations) -> tuple[Classifier, ClassifierSpec]:
    """Rebuild the classifier, in evaluation mode; no file but the two in the folder is read.

    Raises:
        WeightsError: a file is not there or damaged, or the weights are of another model.
    """
    for name in (_DESCRIPTION, _WEIGHTS):
        if not (folder / name).exists():
            raise WeightsError(
                f"{folder / name} is missing: the folder holds no trained classifier"
            )
    spec = _read_spec(folder / _DESCRIPTION)
    model = create_classifier(_unread(spec), locations, seed=0)
    path = folder / _WEIGHTS
    load_strictly(model, read_checkpoint(path), model.backbone.card, path)
    return model.eval(), spec


def _read_spec(path: Path) -> ClassifierSpec:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        return from_mapping(ClassifierSpec, description["classifier"])
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise WeightsError(f"{path} does not describe a classifier: {error!r}") from None


def _unread(spec: ClassifierSpec) -> ClassifierSpec:
    """Return the same architecture on random weights, which need no file."""
    head = spec.head
    if head.backbone is not None:
        head = replace(head, backbone=_random(head.backbone))
    return replace(spec, backbone=_random(spec.backbone), head=head)


def _random(ref: BackboneRef) -> BackboneRef:
    return replace(ref, weights=RANDOM, transfer_level=None)


def _save_state(path: Path, model: Classifier) -> None:
    tensors = {name: _plain(tensor) for name, tensor in model.state_dict().items()}
    replace_file(path, lambda temporary: save_file(tensors, temporary))


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
