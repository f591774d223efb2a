"""Grounding functions on disk: ``grounding.safetensors`` and ``grounding.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trainables.concepts.grounding import Grounding
from trainables.config import BackboneRef, canonical, from_mapping
from trainables.data.atomic_file import replace_file, write_json
from trainables.errors import ConfigError, WeightsError
from trainables.knowledge import Knowledge

_TENSORS = "grounding.safetensors"
_DESCRIPTION = "grounding.json"
_ARRAYS = tuple(field.name for field in fields(Grounding) if field.name != "names")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What grounding functions were learned from.

    Args:
        backbone: whose features they read.
        clip: sha256 of the towers that stood in for the backbone's own weights; empty: none did.
        knowledge: None: the labels of a multilabel set.
    """

    backbone: BackboneRef
    clip: str = ""
    knowledge: Knowledge | None


def save_grounding(folder: Path, grounding: Grounding, origin: Origin) -> None:
    """Write both files."""
    tensors = {name: getattr(grounding, name).contiguous() for name in _ARRAYS}
    replace_file(folder / _TENSORS, lambda temporary: save_file(tensors, temporary))
    content = {"concepts": list(grounding.names), "origin": canonical(origin)}
    write_json(folder / _DESCRIPTION, content)


def load_grounding(folder: Path) -> tuple[Grounding, Origin]:
    """Read what :func:`save_grounding` wrote.

    Raises:
        WeightsError: a file is missing or damaged, or the two do not belong together.
    """
    path = folder / _DESCRIPTION
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        origin = from_mapping(Origin, content["origin"])
        tensors = load_file(folder / _TENSORS)
        grounding = Grounding(names=tuple(content["concepts"]), **tensors)
    except (OSError, ValueError, KeyError, TypeError, ConfigError, SafetensorError) as error:
        raise WeightsError(f"{folder} holds no grounding functions: {error!r}") from None
    rows = {name: len(getattr(grounding, name)) for name in _ARRAYS}
    if set(rows.values()) != {len(grounding.names)}:
        raise WeightsError(f"{path} lists {len(grounding.names)} concepts, its tensors have {rows}")
    return grounding, origin
