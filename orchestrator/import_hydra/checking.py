"""Whether keys are the repository's, and values such as its keys can have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.import_hydra.schema import (
    FIXED,
    KINDS,
    MAY_BE_NULL,
    MAY_REFER,
    block_of,
    known_keys,
)
from orchestrator.import_params.keys import shown
from trainables.errors import did_you_mean

_TRANSFORMS = re.compile(r"(?:(?:train|val|test)_)?(?:img|mask)_transforms(?:\..*)?")
_PLAIN_TRANSFORMS = frozenset(
    {
        *(f"torchvision.transforms.{n}" for n in ("Compose", "Resize", "ToTensor", "Normalize")),
        *(f"albumentations.{n}" for n in ("Compose", "Resize", "Normalize")),
        "albumentations.pytorch.ToTensorV2",
    }
)


def check_given(values: Mapping[str, Any]) -> list[str]:
    """Return every problem of a key on its own, one line each that begins with the key."""
    known = known_keys()
    problems = [problem for key, value in values.items() for problem in _check(key, value, known)]
    return list(dict.fromkeys(problems))


def _check(key: str, value: Any, known: list[str]) -> Iterator[str]:
    if _TRANSFORMS.fullmatch(key):
        for name in _targets(value, key):
            yield f"{key}: {name} has no equivalent: pictures are resized and normalised, no more"
    elif key in KINDS:
        if value is None and key in MAY_BE_NULL:
            return
        problem = _reference(key, value) or KINDS[key].problem(value)
        if problem:
            yield f"{key}: {problem}"
    elif key in FIXED:
        if value not in FIXED[key]:
            only = " or ".join(map(shown, FIXED[key]))
            yield f"{key} = {shown(value)}: only {only} is supported"
    elif key not in known and block_of(key) is None:
        yield f"{key}: there is no such key.{_near(key, known)}"


def _reference(key: str, value: Any) -> str | None:
    """Say that a value refers to something that is not there to be looked up."""
    if isinstance(value, str) and "${" in value and key not in MAY_REFER:
        return f"{shown(value)} refers to another value: write the value itself"
    return None


def _targets(value: Any, key: str) -> Iterator[str]:
    """Yield what a block of transforms is made of and should not be."""
    if isinstance(value, list):
        for item in value:
            yield from _targets(item, key)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _targets(item, f"{key}.{name}")
    elif key.endswith("._target_") and value not in _PLAIN_TRANSFORMS:
        yield shown(value)


def _near(key: str, known: list[str]) -> str:
    """Look for keys with the same last part first: ``lr`` is meant to be an optimizer's."""
    leaf = key.rpartition(".")[2]
    same = [name for name in known if name.rpartition(".")[2] == leaf]
    if same:
        return f" Did you mean {' or '.join(map(repr, same[:2]))}?"
    hint = did_you_mean(key, known)
    groups = "experiment, datamodule, prompt_type, model, trainer, callbacks, extras"
    return hint if "Did you mean" in hint else f" Begin with one of {groups}."
