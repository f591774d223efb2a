"""A job of DomainBed as its log has it: what it was asked, and what it measured at which step.

An *environment* is a domain by its number; each is split into an 'in' part, which a source trains
on and a target is tested on, and a smaller 'out' part, which a source is validated on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Part = Literal["in", "out"]
LogMetric = Literal["acc", "f1m", "f1w"]
"""Accuracy, macro F1 and weighted F1, as logs name them."""

_OF_ONE_RUN = {
    *("data_dir", "output_dir", "skip_model_save", "save_model_every_checkpoint"),
    *("hparams", "hparams_seed", "seed", "test_envs", "trial_seed"),
}
"""Arguments that differ between jobs of one method and setting, or are no part of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRecord:
    """What was measured after the update of a step.

    Args:
        values: (environment, part, metric) -> a fraction; NaN where the log has null.
        loss: mean over the steps since the record before; NaN if nothing was trained.
        step_s: mean duration of those steps; 0 if the log has none.
    """

    step: int
    values: Mapping[tuple[int, Part, LogMetric], float]
    loss: float = math.nan
    step_s: float = 0.0

    def at(self, environment: int, part: Part, metric: LogMetric) -> float:
        """Return a value; NaN if it was not measured."""
        return self.values.get((environment, part, metric), math.nan)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of DomainBed's trainer.

    Args:
        name: of its folder.
        args: its command line.
        hparams: hyper-parameters as they were in effect.
        records: with rising steps, at least one.
        setting: all that jobs must share to be compared or averaged, see :func:`setting_of`.
        method: what tables call it.
        domains: names of the environments, by number.
        origin: what must stand beside its numbers; empty if nothing must.
    """

    name: str
    args: Mapping[str, Any]
    hparams: Mapping[str, Any]
    records: tuple[LogRecord, ...]
    setting: str
    method: str
    domains: tuple[str, ...] = ()
    origin: str = ""

    @property
    def dataset(self) -> str:
        """Name of the data set, such as ``DR``."""
        return str(self.args["dataset"])

    @property
    def trial_seed(self) -> int:
        """Number of the repetition; it decides the split."""
        return int(self.args["trial_seed"])

    @property
    def hparams_seed(self) -> int:
        """Number of the draw of hyper-parameters; 0 takes the defaults."""
        return int(self.args["hparams_seed"])

    @cached_property
    def test_envs(self) -> tuple[int, ...]:
        """Environments that were held out."""
        return tuple(sorted(self.args["test_envs"]))

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """Environments that were trained and validated on."""
        measured = {env for env, part, _ in self.records[0].values if part == "out"}
        return tuple(sorted(measured - set(self.test_envs)))

    def domain(self, environment: int) -> str:
        """Return the name of an environment, ``env2`` if it has none."""
        named = environment < len(self.domains)
        return self.domains[environment] if named else f"env{environment}"


def setting_of(args: Mapping[str, Any]) -> str:
    """Return what a command line asked for, in one canonical text.

    Repetition, draw of hyper-parameters, held-out environments and places are not in it. Overrides
    are, as values: blanks in them and their order make no difference.
    """
    given = args.get("hparams")
    overrides = json.loads(given) if given else {}
    asked = {key: value for key, value in args.items() if key not in _OF_ONE_RUN}
    return json.dumps({**asked, "hparams": overrides}, sort_keys=True, separators=(",", ":"))
