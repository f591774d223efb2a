"""Concept bottlenecks on disk: ``bottleneck.safetensors`` and ``bottleneck.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainables.concepts.bottleneck_model import Bottleneck, ConceptScores
from trainables.concepts.grounding_files import Origin
from trainables.config import canonical, from_mapping
from trainables.data.atomic_file import replace_file, write_json
from trainables.data.transforms import EvalTransform
from trainables.errors import ConfigError, WeightsError

_TENSORS = "bottleneck.safetensors"
_DESCRIPTION = "bottleneck.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What rebuilds the features that a bottleneck reads, beside the weights of their network.

    Args:
        data: whose pictures it was trained on.
        replicate: see :func:`trainables.models.factory.create_backbone`.
    """

    data: str
    transform: EvalTransform
    replicate: int


def save_bottleneck(folder: Path, bottleneck: Bottleneck, origin: Origin, reading: Reading) -> None:
    """Write both files; the readable one ranks the concepts of each class, the strongest first.

    Args:
        origin: whose features the bottleneck reads.
    """
    tensors = _tensors(bottleneck)
    replace_file(folder / _TENSORS, lambda temporary: save_file(tensors, temporary))
    content = {
        "labels": list(bottleneck.classes),
        "concepts": list(bottleneck.scores.names),
        "probable": bottleneck.scores.probable,
        "origin": canonical(origin),
        "reading": canonical(reading),
        "classes": {
            name: _ranked(bottleneck.scores.names, weight_c)
            for name, weight_c in zip(bottleneck.classes, bottleneck.weight_kc, strict=True)
        },
    }
    write_json(folder / _DESCRIPTION, content)


def load_bottleneck(folder: Path) -> tuple[Bottleneck, Origin]:
    """Read what a replicate of ``bottleneck`` left in its artifacts.

    Raises:
        WeightsError: a file is missing or damaged, or the two do not belong together.
    """
    path = folder / _DESCRIPTION
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        origin = from_mapping(Origin, content["origin"])
        found = load_file(folder / _TENSORS)
        bottleneck = Bottleneck(
            classes=tuple(content["labels"]),
            scores=ConceptScores(
                names=tuple(content["concepts"]),
                weight_cd=found["score_weight_cd"],
                bias_c=found["score_bias_c"],
                probable=bool(content["probable"]),
            ),
            weight_kc=found["weight_kc"],
            bias_k=found["bias_k"],
            residual_kd=found.get("residual_kd"),
        )
    except (OSError, ValueError, KeyError, TypeError, ConfigError, SafetensorError) as error:
        raise WeightsError(f"{folder} holds no concept bottleneck: {error!r}") from None
    _check_shapes(bottleneck, path)
    return bottleneck, origin


def load_reading(folder: Path) -> Reading:
    """Read how the bottleneck of a folder reads pictures.

    Raises:
        WeightsError: its description is missing or damaged, or does not say.
    """
    path = folder / _DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return from_mapping(Reading, content["reading"])
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise WeightsError(f"{path} does not say how pictures are read: {error!r}") from None


def _tensors(bottleneck: Bottleneck) -> dict[str, Tensor]:
    tensors = {
        "score_weight_cd": bottleneck.scores.weight_cd,
        "score_bias_c": bottleneck.scores.bias_c,
        "weight_kc": bottleneck.weight_kc,
        "bias_k": bottleneck.bias_k,
    }
    if bottleneck.residual_kd is not None:
        tensors["residual_kd"] = bottleneck.residual_kd
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def _ranked(names: tuple[str, ...], weight_c: Tensor) -> list[dict[str, str | float]]:
    pairs = sorted(zip(names, weight_c.tolist(), strict=True), key=lambda pair: -pair[1])
    return [{"concept": name, "weight": weight} for name, weight in pairs]


def _check_shapes(bottleneck: Bottleneck, path: Path) -> None:
    width = bottleneck.scores.weight_cd.shape[-1]
    c, k = len(bottleneck.scores.names), len(bottleneck.classes)
    expected = {
        "score_weight_cd": (c, width),
        "score_bias_c": (c,),
        "weight_kc": (k, c),
        "bias_k": (k,),
        "residual_kd": (k, width),
    }
    for name, tensor in _tensors(bottleneck).items():
        if tuple(tensor.shape) != expected[name]:
            raise WeightsError(
                f"{path} lists {k} classes and {c} concepts, so '{name}' must have the shape "
                f"{expected[name]}, not {tuple(tensor.shape)}: the two files are of two trials"
            )
