"""One override as Hydra's command line has it: ``key=value``, ``+key=value``, ``key=[1,2]``."""

from __future__ import annotations

import re
from typing import Any

from trainables.errors import ConfigError

_KEY = re.compile(r"(?:\+\+|\+)?([\w./@-]+)")
_WHOLE = re.compile(r"[+-]?\d+(?:_\d+)*")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_SWEEP = re.compile(r"(?:choice|range|interval|glob|shuffle|sort|tag)\(.*\)", re.DOTALL)
_WORDS = {"null": None, "true": True, "false": False}
_DEEPEST = 20
"""Lists in lists; the repository has none."""


def parse_override(text: str) -> tuple[str, Any]:
    """Return key and value of an override.

    Raises:
        ConfigError: it is no override, takes a key away, or asks for several runs.
    """
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if name.startswith("~"):
        raise ConfigError(f"{text}: taking a key away has no equivalent: leave it out")
    found = _KEY.fullmatch(name)
    if found is None or not equals:
        raise ConfigError(f"{text}: write it as key=value, as on Hydra's command line")
    return found[1], parse_value(value, text)


def parse_value(text: str, override: str) -> Any:
    """Return the value that a text stands for: null, boolean, number, text, or list of these.

    Raises:
        ConfigError: brackets or quotes are left open, or the text stands for several values.
    """
    if _SWEEP.fullmatch(text) or len(_split(text, override)) > 1:
        raise ConfigError(
            f"{override}: stands for several runs; import one of them, then name several levels "
            "with --only"
        )
    return _parse(text, override, 0)


def _parse(text: str, override: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ConfigError(f"{override[:80]}: lists are nested too deeply")
    if text[:1] == "[" and text[-1:] == "]":
        parts = _split(text[1:-1], override)
        return [] if parts == [""] else [_parse(part, override, depth + 1) for part in parts]
    if len(text) >= 2 and text[0] in "'\"" and text[-1] == text[0]:
        return text[1:-1].replace(f"\\{text[0]}", text[0])
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return _number(text)


def _number(text: str) -> int | float | str:
    try:
        if _WHOLE.fullmatch(text):
            return int(text)
    except ValueError:  # more digits than Python reads
        return text
    return float(text) if _NUMBER.fullmatch(text) else text


def _split(text: str, override: str) -> list[str]:
    """Split at commas that are in no bracket and no quotes."""
    parts, start, depth, quote = [], 0, 0, ""
    for i, letter in enumerate(text):
        if quote:
            if letter == quote and text[i - 1] != "\\":
                quote = ""
        elif letter in "'\"":
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in "]})":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
        if depth < 0:
            break
    if depth != 0 or quote:
        raise ConfigError(f"{override}: a bracket or a quote is not closed")
    return [*parts, text[start:].strip()]
