"""Under which name the model of a place of a table is registered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

CHAMPION = "champion"
"""Alias of the version that a cell left when it was completed last."""

CARD = "README.md"
EXAMPLE = "input_example.json"

TWIN = "twin"
"""Last part of the name of a model that was made with ``--twin``: it never replaces a real one."""

_FORBIDDEN = re.compile(r"[^\w.=+-]+")
_MAX_NAME = 200


def registered_name(
    study: str, experiment: str, levels: Mapping[str, str], *, twin: bool = False
) -> str:
    """Return ``demo.transfer.imagenet.knn``; MLflow allows neither slashes nor colons.

    A name that had to be changed, or is too long, ends in a hash that keeps it apart from others.
    """
    parts = [study, experiment, *levels.values(), *([TWIN] if twin else [])]
    text = ".".join(parts)
    safe = _FORBIDDEN.sub("_", text)
    if safe == text and len(safe) <= _MAX_NAME:
        return safe
    return f"{safe[:_MAX_NAME]}-{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:6]}"
