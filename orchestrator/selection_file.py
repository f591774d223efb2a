"""A selection in a file of its own, to look at, to keep and to run."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.selection import Selection
from trainables.config import from_mapping
from trainables.errors import ConfigError, SelectionError, XenograftError


def read_selection(path: Path, study: str) -> Selection:
    """Read a selection of a study, as :meth:`Selection.to_json` has it.

    Raises:
        ConfigError: the file cannot be read, or has an unknown key or a value of another type.
        SelectionError: it selects from another study.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--selection {path}: cannot be read: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--selection {path}: is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"--selection {path}: must be a JSON object with at least a study")
    try:
        selection = from_mapping(Selection, content)
    except XenograftError as error:
        raise ConfigError(f"--selection {path}: {error}") from None
    if selection.study != study:
        raise SelectionError(
            f"--selection {path}: is of study '{selection.study}', not of '{study}': "
            f"name that study instead"
        )
    return selection


def write_selection(path: Path, selection: Selection) -> None:
    """Write a selection, whole or not at all.

    Raises:
        ConfigError: the file cannot be written.
    """
    from trainables.data.atomic_file import write_json

    try:
        write_json(path, selection.to_json())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
