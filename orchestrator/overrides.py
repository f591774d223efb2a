"""Applies ``--set key=value`` to the configs of cells."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from search_spaces.study import Cell
from trainables.config import flatten, override_all
from trainables.errors import ConfigError, did_you_mean


def overridden(config: Any, texts: Mapping[str, str]) -> Any:
    """Return the config with ``--set key=text`` applied; every complaint names the options."""
    try:
        changed = override_all(config, texts)
    except ConfigError as error:
        message = str(error)
        if message.startswith("--set"):
            raise
        given = " ".join(f"--set {key}={text}" for key, text in texts.items())
        raise ConfigError(f"{given}: {message}") from None
    for key, text in texts.items():
        value = changed
        for part in key.split("."):
            value = getattr(value, part)
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"--set {key}={text}: must be a finite number")
    return changed


def has_key(config: Any, path: str) -> bool:
    """Tell whether a config has a value at a dotted path."""
    for part in path.split("."):
        if not dataclasses.is_dataclass(config):
            return False
        if part not in {f.name for f in dataclasses.fields(config)}:
            return False
        config = getattr(config, part)
    return True


def check_overrides(cells: list[Cell], overrides: Mapping[str, str]) -> None:
    """Make sure that every key is one of some cell's config.

    Raises:
        ConfigError: one is not; the message lists the near ones.
    """
    for key in overrides:
        if not any(has_key(cell.recipe.config, key) for cell in cells):
            known = {path for cell in cells for path in flatten(cell.recipe.config)}
            raise ConfigError(f"--set {key}: no cell has this key.{did_you_mean(key, known)}")
