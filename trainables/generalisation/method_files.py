"""A trained method as files: ``model.safetensors`` and ``config.json``.

They are enough to predict, unless the texts of a method follow the picture: then it also reads the
text tower that it started from.

Axes: n pictures, c channels, h rows, w columns, k classes, d width.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from trainables.config import Config, canonical, from_mapping
from trainables.context import Context, Locations
from trainables.data.atomic_file import replace_file, write_json
from trainables.data.transforms import EvalTransform
from trainables.engine.selection import snapshot
from trainables.errors import ConfigError, WeightsError
from trainables.generalisation.config import MethodConfig
from trainables.generalisation.create import create_method
from trainables.generalisation.method import Method, Setting
from trainables.generalisation.text_classifier import SettledTexts, create_images
from trainables.generalisation.text_config import texts_follow_picture
from trainables.models.card import RANDOM
from trainables.models.cards import get_backbone_card
from trainables.models.checkpoints import load_strictly, read_checkpoint

_WEIGHTS = "model.safetensors"
_DESCRIPTION = "config.json"
_KEY = "generaliser"
_SETTLED = "settled."
"""Before the names of tensors that follow from the method's state and from weights it came with."""

_IMAGES = "images."


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodSpec:
    """What has to be known to build a method again, and to show it pictures.

    Args:
        domains: how many it was trained on.
        seed, replicate: of the trial, for what was drawn and is not in the state.
    """

    method: MethodConfig
    classes: tuple[str, ...]
    domains: int
    transform: EvalTransform
    seed: int
    replicate: int

    def setting(self, locations: Locations) -> Setting:
        """Return where the method is built."""
        return Setting(
            classes=self.classes,
            domains=self.domains,
            image_size_px=self.transform.size_px,
            context=Context(
                trial_id="predict",
                seed=self.seed,
                folder=locations.store,
                locations=locations,
                replicate=self.replicate,
            ),
        )


def save_method(
    folder: Path, method: Method, spec: MethodSpec, config: Config, metrics: Mapping[str, float]
) -> None:
    """Write both files; the config is canonical and metrics that are not a number are null."""
    settled = {_SETTLED + name: tensor.cpu() for name, tensor in method.settled().items()}
    tensors = {name: tensor.contiguous() for name, tensor in (snapshot(method) | settled).items()}
    replace_file(folder / _WEIGHTS, lambda path: save_file(tensors, path))
    description: dict[str, Any] = {
        "trainable": config.trainable,
        "version": config.version,
        "config": canonical(config),
        _KEY: canonical(spec),
        "metrics": {k: v if math.isfinite(v) else None for k, v in metrics.items()},
    }
    write_json(folder / _DESCRIPTION, description)


def load_method(folder: Path, locations: Locations) -> tuple[nn.Module, MethodSpec]:
    """Rebuild what gives pictures their logits, in evaluation mode.

    Raises:
        WeightsError: a file is not there or damaged, the weights are of another model, or the text
            tower that a method needs is not here.
    """
    spec = _read_spec(folder / _DESCRIPTION)
    path = folder / _WEIGHTS
    if not path.exists():
        raise WeightsError(f"{path} is missing: the folder holds no trained method")
    state = read_checkpoint(path)
    settled = _settled(state)
    module: nn.Module
    if settled:
        images = create_images(_unread(spec.method), spec.setting(locations))
        module = SettledTexts(images, len(spec.classes))
        state = settled
    else:
        module = _whole(spec, locations)
    load_strictly(module, state, get_backbone_card(spec.method.backbone.card), path)
    return module.eval(), spec


def _read_spec(path: Path) -> MethodSpec:
    try:
        return from_mapping(MethodSpec, json.loads(path.read_text(encoding="utf-8"))[_KEY])
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise WeightsError(f"{path} does not describe a trained method: {error!r}") from None


def _settled(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the images and what goes with them, empty where texts are not settled."""
    own = {n.removeprefix(_SETTLED): t for n, t in state.items() if n.startswith(_SETTLED)}
    images = {name: t for name, t in state.items() if name.startswith(_IMAGES)}
    return images | own if own else {}


def _whole(spec: MethodSpec, locations: Locations) -> Method:
    follow = texts_follow_picture(spec.method.name, spec.method.prompt)
    method = spec.method if follow else _unread(spec.method)
    return create_method(method, spec.setting(locations))


def _unread(method: MethodConfig) -> MethodConfig:
    """Return the same architecture on random weights, which need no file."""
    drawn = replace(method.backbone, weights=RANDOM, transfer_level=None)
    return replace(method, backbone=drawn)
