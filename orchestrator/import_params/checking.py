"""Whether a file has the keys of its format, and values that its keys can have."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.import_params.blocks import BLOCKS
from orchestrator.import_params.keys import Key, shown
from orchestrator.import_params.params import Params
from orchestrator.import_params.schema import (
    NEEDED_BY_SCHEDULER,
    RUN_TIME_KEYS,
    SPLITS,
    schema,
)
from trainables.errors import did_you_mean

_SCHEDULER = "optimization_params.default.scheduler"
_LEVEL = "model_params.wtst_init.transfer_up_to_layer"


def check_params(params: Params) -> list[str]:
    """Return every problem of a file on its own, one line each that begins with the key."""
    known = schema(params.repository)
    problems: list[str] = []
    for key, value in params.values.items():
        if key in RUN_TIME_KEYS:
            continue
        if key not in known:
            problems.append(_unknown(key, value, known))
        elif problem := known[key].problem(value):
            problems.append(f"{key}: {problem}")
    if not problems:
        problems = [f"{key}: is missing" for key in _needed(params, known) if key not in params]
    return problems


def listed_schedulers(params: Params) -> list[str]:
    """Return the schedulers a file asks for; null stands for none."""
    value = params[f"{_SCHEDULER}.type"]
    every = value if isinstance(value, list) else [value]
    return [name for name in every if name is not None]


def _unknown(key: str, value: object, known: Mapping[str, Key]) -> str:
    inside = sorted({name for name in known if name.startswith(f"{key}.")})
    if inside:
        first = [name.removeprefix(f"{key}.").partition(".")[0] for name in inside]
        names = ", ".join(dict.fromkeys(first))
        if isinstance(value, list):
            return f"{key}: a list of several views is for self-supervised training, not supported"
        return f"{key}: must be an object with {names}, got {shown(value)}"
    for name in known:
        if key.startswith(f"{name}."):
            return f"{name}: must be a {known[name].kind}, got an object"
    return f"{key}: there is no such key.{_near(key, known)}"


def _near(key: str, known: Mapping[str, Key]) -> str:
    """Look for the name in its own block first: other blocks have the same names."""
    block = key.rpartition(".")[0]
    siblings = [name for name in known if name.rpartition(".")[0] == block]
    hint = did_you_mean(key, siblings or known)
    return hint if siblings or "mean" in hint else f" Sections: {_sections(known)}."


def _sections(known: Mapping[str, Key]) -> str:
    return ", ".join(dict.fromkeys(name.partition(".")[0] for name in known))


def _needed(params: Params, known: Mapping[str, Key]) -> list[str]:
    """Return the keys that a file with these contents must have."""
    blocks = {
        f"dataset_params.{split}_transforms.{block}": names
        for split in SPLITS
        for block, names in BLOCKS.items()
    }
    needed = [
        key
        for key, what in known.items()
        if what.required and "_transforms." not in key and key != _LEVEL
    ]
    if params.get("model_params.wtst_init.apply", False):
        needed.append(_LEVEL)
    for block, names in blocks.items():
        if params.get(f"{block}.apply", False):
            needed += [f"{block}.{name}" for name, what in names.items() if what.required]
        elif params.below(block):
            needed.append(f"{block}.apply")
    if f"{_SCHEDULER}.type" in params:
        for name in listed_schedulers(params):
            needed += [f"{_SCHEDULER}.params.{name}.{a}" for a in NEEDED_BY_SCHEDULER[name]]
    return list(dict.fromkeys(needed))
