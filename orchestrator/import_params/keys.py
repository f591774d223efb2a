"""What the value of one key of a ``params.json`` may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "boolean",
    "whole number",
    "number",
    "number or false",
    "text",
    "list of whole numbers",
    "list of numbers",
    "pair of numbers",
    "list of pairs",
    "text, null or list of texts",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One key.

    Args:
        required: the file must have it; of a transform block: if the block is applied.
        least, most: bounds of a number, or of every number of a list.
        choices: the texts that exist; empty: any.
    """

    kind: Kind
    required: bool = False
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if not _FITS[self.kind](value):
            return f"must be a {self.kind}, got {shown(value)}"
        if self.choices:
            wrong = [text for text in _texts(value) if text not in self.choices]
            if wrong:
                return f"must be one of {', '.join(self.choices)}, got {shown(wrong[0])}"
        if any(not self.least <= number <= self.most for number in _numbers(value)):
            return f"must be {self._bounds()}, got {shown(value)}"
        return None

    def _bounds(self) -> str:
        if math.isinf(self.most):
            return f"at least {self.least:g}"
        if math.isinf(self.least):
            return f"at most {self.most:g}"
        return f"from {self.least:g} to {self.most:g}"


def shown(value: Any) -> str:
    """Return a value as a ``params.json`` writes it."""
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f'"{value}"' if isinstance(value, str) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_scheduler(value: Any) -> bool:
    every = value if isinstance(value, list) else [value]
    return all(item is None or isinstance(item, str) for item in every)


_FITS = {
    "boolean": lambda v: isinstance(v, bool),
    "whole number": _is_whole,
    "number": _is_number,
    "number or false": lambda v: v is False or _is_number(v),
    "text": lambda v: isinstance(v, str),
    "list of whole numbers": lambda v: isinstance(v, list) and all(map(_is_whole, v)),
    "list of numbers": lambda v: isinstance(v, list) and all(map(_is_number, v)),
    "pair of numbers": _is_pair,
    "list of pairs": lambda v: isinstance(v, list) and all(map(_is_pair, v)),
    "text, null or list of texts": _is_scheduler,
}


def _texts(value: Any) -> list[str]:
    every = value if isinstance(value, list) else [value]
    return [item for item in every if isinstance(item, str)]


def _numbers(value: Any) -> list[float]:
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if _is_number(value) else []
