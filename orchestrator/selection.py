"""What the user asked for: which cells of which study, with which recipe and budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from trainables.errors import ConfigError, SelectionError

if TYPE_CHECKING:
    from search_spaces.study import Scale

RecipeName = Literal["paper", "search"]
SamplerName = Literal["tpe", "random", "qmc"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """A study and what to run of it.

    Args:
        only: factor name (or 'experiment') -> levels to keep.
        recipe: 'paper' runs replicates of the paper's config; 'search' tunes it first.
        search_trials, replicates: override the experiment's budget.
        twin: swap every data set and backbone for its twin.
        smoke: touch everything once: twins, the least steps, one replicate, no search but grids of
            two points; ``search_trials`` and ``replicates`` still override.
        overrides: dotted config key -> text, applied to every cell that has the key.
        sampler: how Optuna suggests configs.
    """

    study: str
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recipe: RecipeName = "search"
    search_trials: int | None = None
    replicates: int | None = None
    twin: bool = False
    smoke: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)
    sampler: SamplerName = "tpe"

    def __post_init__(self) -> None:
        for name, least in (("search_trials", 1), ("replicates", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"--{name.replace('_', '-')} must be at least {least}")

    @property
    def scale(self) -> Scale | None:
        """How far the study is scaled down; None: not at all."""
        if self.smoke:
            return "smoke"
        return "twin" if self.twin else None

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data; :meth:`from_json` is the inverse."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Selection:
        only = {name: tuple(levels) for name, levels in values["only"].items()}
        return cls(**{**values, "only": only})

    def to_arguments(self) -> list[str]:
        """Return the command-line arguments that make this selection, not yet quoted."""
        arguments = [self.study]
        for name, levels in self.only.items():
            arguments += ["--only", f"{name}={','.join(levels)}"]
        usual = "paper" if self.smoke else "search"
        arguments += ["--recipe", self.recipe] if self.recipe != usual else []
        if self.search_trials is not None:
            arguments += ["--search-trials", str(self.search_trials)]
        if self.replicates is not None:
            arguments += ["--replicates", str(self.replicates)]
        arguments += ["--twin"] if self.twin else []
        arguments += ["--smoke"] if self.smoke else []
        for key, value in self.overrides.items():
            arguments += ["--set", f"{key}={value}"]
        arguments += ["--sampler", self.sampler] if self.sampler != "tpe" else []
        return arguments


def parse_only(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Parse repeated ``factor=level[,level]``.

    Raises:
        SelectionError: a text has another form, or a factor comes twice.
    """
    only: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, levels = text.partition("=")
        wanted = tuple(level.strip() for level in levels.split(",") if level.strip())
        if not equals or not name or not wanted:
            raise SelectionError(f"--only {text}: write it as factor=level or factor=level,level")
        if name in only:
            raise SelectionError(f"--only {name}=... is given twice: write {name}=level,level")
        only[name] = wanted
    return only


def parse_overrides(texts: Sequence[str]) -> dict[str, str]:
    """Parse repeated ``key=value``.

    Raises:
        ConfigError: a text has another form, or a key comes twice.
    """
    overrides: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {text}: write it as key=value, for example optimizer.lr=1e-3")
        if key in overrides:
            raise ConfigError(f"--set {key}=... is given twice")
        overrides[key] = value
    return overrides


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return list(value) if isinstance(value, tuple) else value
