"""What became of the keys of a repository's settings, and the selection that runs the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.import_params.keys import shown
from orchestrator.import_params.translation import Translation
from orchestrator.selection import Selection


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What became of one key; ``value`` as the file writes it, 'absent' if it has none."""

    key: str
    value: str
    became: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """A file in Xenograft's words.

    Args:
        warnings: what will keep it from running to its end, one line each.
        options: options of ``run`` that are no part of a selection.
        rows: one per key of the file, in its order, then those that are absent but matter.
    """

    selection: Selection
    options: tuple[str, ...]
    warnings: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def command(self) -> str:
        """The command that runs it."""
        return f"xenograft run {shlex.join([*self.selection.to_arguments(), *self.options])}"


def table(out: Translation, overrides: Mapping[str, str]) -> tuple[Row, ...]:
    """Return what became of every key.

    Args:
        overrides: config key -> text of those that differ from the study.
    """
    asked: dict[str, list[str]] = {}
    for name, keys in out.from_key.items():
        for key in keys:
            asked.setdefault(key, []).append(name)
    rows = [
        Row(key=key, value=shown(value), became=_became(key, asked.get(key, []), out, overrides))
        for key, value in out.params.values.items()
    ]
    for key, names in asked.items():
        changed = [name for name in names if name in overrides]
        # A key that is there tells of the same override.
        told = any(k in out.params for name in changed for k in out.from_key[name])
        if changed and key not in out.params and not told:
            rows.append(Row(key=key, value="absent", became=_set(changed, overrides)))
    return tuple(rows)


def _became(key: str, names: list[str], out: Translation, overrides: Mapping[str, str]) -> str:
    parts = [out.became[key]] if key in out.became else []
    parts += [f"{name}={out.levels[name]}" for name in names if name in out.levels]
    changed = [name for name in names if name in overrides]
    parts += [_set(changed, overrides)] if changed else []
    if parts:
        return ", ".join(parts)
    if key in out.reasons:
        return f"not needed: {out.reasons[key]}"
    return f"as the study has it: {', '.join(names)}"


def _set(names: list[str], overrides: Mapping[str, str]) -> str:
    return " ".join(f"--set {name}={overrides[name]}" for name in names)
