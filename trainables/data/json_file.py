"""JSON that users bring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainables.errors import DatasetError


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        DatasetError: the file is missing or no JSON, or an object in it has a key twice (of which
            a reader would silently drop one).
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: cannot be read as JSON ({error})") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} stands in one object twice")
        found[key] = value
    return found
