"""A trained segmenter as files: ``model.safetensors`` and ``config.json``.

Encoders that never train are not in them: they are built again from the weights the config names.
Where all parts train, the files are the whole network.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from trainables.config import Config, canonical, from_mapping
from trainables.context import Locations
from trainables.data.atomic_file import replace_file, write_json
from trainables.errors import ConfigError, WeightsError
from trainables.models.checkpoints import load_strictly, read_checkpoint
from trainables.segmentation.config import PromptConfig
from trainables.segmentation.network import TrainedNetwork, create_network
from trainables.segmentation.spec import SegmenterSpec

_WEIGHTS = "model.safetensors"
_DESCRIPTION = "config.json"
_WHOLE = "whole"
_PREFIX = "segmenter."
"""Of a segmenter's tensors in the network that wraps it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What is known of a trained segmenter beside its weights.

    Args:
        prompt: the prompts it was trained with.
        chosen: the validation Dice it was chosen by.
    """

    spec: SegmenterSpec
    prompt: PromptConfig
    chosen: float


def save_segmenter(
    folder: Path,
    network: TrainedNetwork,
    description: Description,
    config: Config,
    metrics: Mapping[str, float],
) -> None:
    """Write both files; the config is canonical and metrics that are not a number are null."""
    segmenter, options = network.segmenter, description.spec.options
    whole = not (segmenter.card.frozen_encoders or options.freeze_encoder)
    # Single numbers can be frozen in any network, and its own state leaves them out.
    state = segmenter.state_dict(prefix=_PREFIX) if whole else network.state_dict()
    tensors = {name: _plain(tensor) for name, tensor in state.items()}
    replace_file(folder / _WEIGHTS, lambda temporary: save_file(tensors, temporary))
    body: dict[str, Any] = {
        "trainable": config.trainable,
        "version": config.version,
        "config": canonical(config),
        "segmenter": canonical(description),
        _WHOLE: whole,
        # Keys of the file are sorted, and channels have an order.
        "channels": list(description.spec.channels),
        "metrics": {k: v if math.isfinite(v) else None for k, v in metrics.items()},
    }
    write_json(folder / _DESCRIPTION, body)


def read_description(folder: Path) -> Description:
    """Read what is known of a trained segmenter.

    Raises:
        WeightsError: the folder holds none, or the file is damaged.
    """
    return _read(folder)[0]


def _read(folder: Path) -> tuple[Description, bool]:
    """Return the description, and whether the file of weights is the whole network."""
    path = folder / _DESCRIPTION
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        found = from_mapping(Description, body["segmenter"])
        channels = {name: found.spec.channels[name] for name in body["channels"]}
        described = replace(found, spec=replace(found.spec, channels=channels))
        return described, body.get(_WHOLE, False) is True
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing: the folder holds no trained segmenter") from None
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise WeightsError(f"{path} does not describe a trained segmenter: {error!r}") from None


def load_segmenter(folder: Path, locations: Locations) -> tuple[TrainedNetwork, Description]:
    """Rebuild a trained segmenter.

    Raises:
        WeightsError: a file, or the weights of a frozen part, are not here, damaged or of another
            network.
    """
    description, whole = _read(folder)
    path = folder / _WEIGHTS
    if not path.exists():
        raise WeightsError(f"{path} is missing: the folder holds no trained segmenter")
    network = create_network(description.spec, locations, unread=whole)
    state = read_checkpoint(path)
    if whole:
        state = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
    load_strictly(network.segmenter if whole else network, state, network.segmenter.card, path)
    return network, description


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
