"""A ``params.json`` as it is read: dotted keys and values, and which repository it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trainables.errors import ConfigError

Repository = Literal["feature_reuse", "foundation_medical"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Params:
    """The content of one file.

    Args:
        file: its name, for messages.
        values: dotted key -> value, in the order of the file. Empty objects have no entry.
    """

    file: str
    values: Mapping[str, Any]

    @property
    def repository(self) -> Repository:
        """Which study's repository wrote the format: only one has ``foundation_params``."""
        foundation = any(key.startswith("foundation_params.") for key in self.values)
        return "foundation_medical" if foundation else "feature_reuse"

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, default: Any) -> Any:
        """Return a value, or what the original takes when the key is absent."""
        return self.values.get(key, default)

    def below(self, block: str) -> list[str]:
        """Return the keys inside a block, in the order of the file."""
        return [key for key in self.values if key.startswith(f"{block}.")]


def read_params(path: Path) -> Params:
    """Read a file.

    Raises:
        ConfigError: it cannot be read, or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not a text file in UTF-8") from None
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: is not JSON: {error.msg.lower()} at column {error.colno}"
        ) from None
    except _TwiceError as error:
        raise ConfigError(f"{path}: the key '{error}' is there twice in one object") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must be a JSON object with sections such as dataset_params")
    return Params(file=str(path), values=dict(_leaves(content, "")))


class _TwiceError(Exception):
    """A key is there twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise _TwiceError(key)
        content[key] = value
    return content


def _leaves(block: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in block.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
