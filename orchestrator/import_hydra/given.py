"""What a user brings: a command, overrides, or files of a Hydra run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orchestrator.import_hydra.override import parse_override
from orchestrator.import_hydra.yaml_file import read_yaml
from trainables.errors import ConfigError

Script = Literal["train", "eval"]

_PYTHON = ("python", "python3")
_SCRIPTS: Mapping[str, Script] = {"train.py": "train", "eval.py": "eval"}
_EXPONENT = re.compile(r"[+-]?\d+e[+-]?\d+", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_DEEPEST = 10
"""References to references; the repository has two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """Keys and values, whatever they came in.

    Args:
        label: what they came in, for messages.
        values: dotted key -> value; a block without keys has no entry.
        script: the program they were given to; None where nothing says so.
        whole: these are all keys of a run and not only those that were overridden.
        problems: what could not be read, one line each.
    """

    label: str
    values: Mapping[str, Any]
    script: Script | None
    whole: bool
    problems: tuple[str, ...] = ()


def read_given(words: Sequence[str]) -> Given:
    """Read the words behind ``import hydra``; overrides win over a file.

    Raises:
        ConfigError: a file cannot be read.
    """
    rest = list(words[1:] if words and words[0] in _PYTHON else words)
    script: Script | None = None
    if rest and Path(rest[0]).name in _SCRIPTS and "=" not in rest[0]:
        script = _SCRIPTS[Path(rest.pop(0)).name]
    files = [word for word in rest if "=" not in word and is_there(word)]
    problems: list[str] = []
    values: dict[str, Any] = {}
    whole = False
    if len(files) > 1:
        problems.append(f"{', '.join(files)}: import one run at a time")
    elif files:
        values, whole = _read_file(Path(files[0]), problems)
    texts = [word for word in rest if word not in files]
    values |= _overrides(texts, problems)
    label = files[0] if files else "the command"
    return Given(
        label=label,
        values=_resolved(values),
        script=script,
        whole=whole,
        problems=tuple(problems),
    )


def is_there(word: str) -> bool:
    """Return whether a word names a file or folder; a text can be too long for a name."""
    try:
        return Path(word).exists()
    except (OSError, ValueError):
        return False


def _overrides(texts: Sequence[str], problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        if "=" not in text and not text.startswith("~"):
            problems.append(f"{text}: is neither a file nor an override, key=value")
            continue
        try:
            key, value = parse_override(text)
        except ConfigError as error:
            problems.append(str(error))
        else:
            found[key] = value
    return found


def _read_file(path: Path, problems: list[str]) -> tuple[dict[str, Any], bool]:
    """Return the values of a config.yaml or an overrides.yaml, and whether they are all of a run.

    Of a run's folder that is the former: it also has what was changed in files.
    """
    if path.is_dir():
        inside = [path / ".hydra" / "config.yaml", path / "config.yaml"]
        found = [candidate for candidate in inside if candidate.is_file()]
        if not found:
            raise ConfigError(f"{path}: has no .hydra/config.yaml: name the folder of a run")
        path = found[0]
    content = read_yaml(path)
    if isinstance(content, list):
        return _overrides([str(item) for item in content], problems), False
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must be the config.yaml or the overrides.yaml of a Hydra run")
    return dict(_leaves(content, "")), True


def _leaves(block: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in block.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, _plain(value)


def _plain(value: Any) -> Any:
    """Read numbers as Hydra does, and what else YAML knows (dates, bytes) as text."""
    if isinstance(value, str):
        return float(value) if _EXPONENT.fullmatch(value) else value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _resolved(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace values that only refer to another key of the same run."""

    def resolve(value: Any, depth: int) -> Any:
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[1] not in values or depth > _DEEPEST:
            return value
        return resolve(values[found[1]], depth + 1)

    return {key: resolve(value, 0) for key, value in values.items()}
