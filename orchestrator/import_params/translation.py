"""What the keys of a file become, gathered key by key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.import_params.keys import shown
from orchestrator.import_params.params import Params


@dataclass(kw_only=True, slots=True)
class Translation:
    """The outcome of reading a file so far.

    Args:
        levels: factor -> level of the cell that the file describes.
        config: dotted config key -> the value that the file asks for.
        options: command-line options of ``run`` that say what a trial may use.
        replicates: how many runs are asked for.
        reasons: key -> why nothing comes of it.
        became: key -> the option or setting that it is in Xenograft.
        from_key: config key or factor -> the keys of the file that it comes from.
        warnings: what can be translated and will not run, one line each.
        problems: what cannot be translated, one line each that begins with the key.
    """

    params: Params
    levels: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    replicates: int = 1
    reasons: dict[str, str] = field(default_factory=dict)
    became: dict[str, str] = field(default_factory=dict)
    from_key: dict[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def level(self, factor: str, level: str, *keys: str) -> None:
        """Take note that keys choose a level of a factor."""
        self.levels[factor] = level
        self.from_key[factor] = keys

    def set(self, values: Mapping[str, Any], *keys: str) -> None:
        """Take note that keys ask for values in the config."""
        self.config |= values
        self.from_key |= dict.fromkeys(values, keys)

    def explain(self, keys: Collection[str], why: str) -> None:
        """Take note that nothing comes of keys; absent ones need no explanation."""
        self.reasons |= {key: why for key in keys if key in self.params}

    def name(self, key: str, text: str) -> None:
        """Take note of the option or setting that a key is."""
        if key in self.params:
            self.became[key] = text

    def refuse(self, key: str, why: str) -> None:
        """Take note that a key, with the value it has, cannot be translated."""
        value = f" = {shown(self.params[key])}" if key in self.params else ""
        self.problems.append(f"{key}{value}: {why}")

    def require(self, fixed: Mapping[str, Any]) -> None:
        """Refuse keys that are there with another value than the only one that exists here."""
        for key, value in fixed.items():
            if key not in self.params:
                continue
            if self.params[key] == value:
                self.explain([key], "Xenograft always does it so")
            else:
                self.refuse(key, f"only {shown(value)} is supported")
