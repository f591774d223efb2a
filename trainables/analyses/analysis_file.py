"""The artifact of an analysis: JSON in which a number that is not defined is null, and says why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainables.context import Context
from trainables.data.atomic_file import write_json


def write_analysis(
    context: Context, name: str, content: Mapping[str, Any], numbers: Mapping[str, float], why: str
) -> dict[str, float]:
    """Write ``<name>.json`` into the artifacts; return the numbers that are defined.

    Args:
        content: nested mappings and sequences of numbers and strings.
        numbers: the metrics of the trial; those that are not finite are listed in the file as
            ``undefined`` instead.
        why: what it means when one is not.
    """
    defined = {name: value for name, value in numbers.items() if math.isfinite(value)}
    undefined = dict.fromkeys(numbers.keys() - defined.keys(), why)
    if context.is_main:
        path = context.artifacts / f"{name}.json"
        write_json(path, {**_with_null(content), "undefined": undefined})
    return defined


def _with_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_null(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_with_null(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
