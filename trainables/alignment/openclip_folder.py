"""Fine-tuned towers as a folder that OpenCLIP opens (``local-dir:``) and every other trial takes.

``open_clip_config.json`` holds architecture and preprocessing, with the mean and sd of training;
``open_clip_model.safetensors`` the weights under OpenCLIP's names; ``alignment.json`` the backbone
card, the whole transform, the config and what was measured.
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
from torch import Tensor, nn

from trainables.alignment.pair_model import PairModel
from trainables.config import Config, canonical, from_mapping
from trainables.data.atomic_file import replace_file, write_json
from trainables.data.transforms import EvalTransform
from trainables.errors import ConfigError, SelectionError, WeightsError
from trainables.models.backbone import Backbone
from trainables.models.card import BackboneCard
from trainables.models.cards import get_backbone_card
from trainables.models.checkpoints import load_strictly, read_checkpoint
from trainables.models.clip_text import ClipText
from trainables.models.open_clip_backbone import build, clip_config
from trainables.models.seeding import seeded

_WEIGHTS = "open_clip_model.safetensors"
_CONFIG = "open_clip_config.json"
_DESCRIPTION = "alignment.json"
_VISUAL = "visual."


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignedClip:
    """Two fine-tuned towers in evaluation mode.

    Args:
        images: pictures, transformed -> vectors in the shared space; its card states the mean, sd
            and size it was trained with.
        texts: sentences -> vectors in the shared space.
        transform: what pictures go through; part of the identity of features.
    """

    images: Backbone
    texts: ClipText
    transform: EvalTransform


def save_aligned(
    folder: Path,
    model: PairModel,
    transform: EvalTransform,
    config: Config,
    metrics: Mapping[str, float],
) -> None:
    """Write the three files; the description, which makes the folder loadable, last."""
    card = model.images.card
    state = {**_named(_VISUAL, model.images.trunk), **_named("", model.texts.tower)}
    replace_file(folder / _WEIGHTS, lambda temporary: save_file(state, temporary))
    preprocessing = {
        "size": transform.size_px,
        "mean": list(transform.mean),
        "std": list(transform.std),
        "interpolation": transform.interpolation,
        # OpenCLIP's word for the short side and the middle.
        "resize_mode": "shortest",
    }
    towers = clip_config(card, transform.size_px)
    write_json(folder / _CONFIG, {"model_cfg": towers, "preprocess_cfg": preprocessing})
    description: dict[str, Any] = {
        "trainable": config.trainable,
        "version": config.version,
        "config": canonical(config),
        "card": card.name,
        "transform": canonical(transform),
        "metrics": {k: v if math.isfinite(v) else None for k, v in metrics.items()},
    }
    write_json(folder / _DESCRIPTION, description)


def load_aligned(folder: Path) -> AlignedClip:
    """Rebuild both towers on the CPU; no file but those in the folder is read.

    Raises:
        WeightsError: a file is not there or damaged, or the weights are of another model.
    """
    card, transform = describe_aligned(folder)
    with seeded(0):
        images, texts = build(card, transform.size_px), ClipText(card)
    path = aligned_weights(folder)
    state = read_checkpoint(path)
    # Both towers have a 'transformer.': only the file's own prefix tells them apart.
    load_strictly(nn.ModuleDict({"visual": images.trunk}), state, card, path)
    load_strictly(texts.tower, state, replace(card, ignored_keys=(_VISUAL,)), path)
    return AlignedClip(
        images=images.eval().requires_grad_(False),
        texts=texts.eval().requires_grad_(False),
        transform=transform,
    )


def aligned_weights(folder: Path) -> Path:
    """Return the file of both towers' weights.

    Raises:
        WeightsError: it is not there.
    """
    return _present(folder / _WEIGHTS)


def describe_aligned(folder: Path) -> tuple[BackboneCard, EvalTransform]:
    """Return the card as the towers were trained with, and the transform of their pictures.

    Raises:
        WeightsError: the description is not there or damaged.
    """
    path = _present(folder / _DESCRIPTION)
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        transform = from_mapping(EvalTransform, description["transform"])
        card = get_backbone_card(description["card"])
        (r_mean, g_mean, b_mean), (r_std, g_std, b_std) = transform.mean, transform.std
    except (ValueError, KeyError, TypeError, ConfigError, SelectionError) as error:
        raise WeightsError(f"{path} does not describe aligned towers: {error!r}") from None
    own = replace(
        card,
        image_size_px=transform.size_px,
        mean=(r_mean, g_mean, b_mean),
        std=(r_std, g_std, b_std),
    )
    return own, transform


def _present(path: Path) -> Path:
    if not path.exists():
        raise WeightsError(f"{path} is missing: the folder holds no aligned towers")
    return path


def _named(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {
        prefix + name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in module.state_dict().items()
    }
