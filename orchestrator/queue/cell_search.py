"""The search of one cell: an Optuna study driven by ask and tell, rebuilt from what happened.

Each suggestion is seeded by (cell, number of the suggestion), so it depends on the history that
was told and on nothing else: a resumed search continues as an uninterrupted one with the same
history would.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from orchestrator.events import EndState
from orchestrator.selection import SamplerName
from search_spaces.space import FloatRange, IntRange, Param, Space, points, spread
from trainables.config import flatten, seed_from

_STATES: dict[EndState, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
_STARTUP_TRIALS = 5
"""Random suggestions before TPE models the history: half of Optuna's 10, as budgets are small."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


class CellSearch:
    """Ask for configs of one cell and tell how they did.

    Args:
        cell: id of the cell; seeds the sampler.
        space: what may vary.
        mode: whether the objective is maximised or minimised.
        sampler: how to suggest.
        base: the cell's config; the first suggestion has those of its values that lie in the space.
        grid_points: suggest this many points, evenly spread over the space and in its order,
            instead of asking the sampler; 0: ask it.
    """

    def __init__(
        self,
        *,
        cell: str,
        space: Space,
        mode: str,
        sampler: SamplerName,
        base: Any,
        grid_points: int = 0,
    ) -> None:
        self._cell = cell
        self._sampler_name = sampler
        self._distributions = {name: _distribution(param) for name, param in space.items()}
        direction = "maximize" if mode == "max" else "minimize"
        self.study = optuna.create_study(direction=direction, sampler=RandomSampler(seed=0))
        self._live: dict[str, Trial] = {}
        self._asked: set[tuple[Any, ...]] = set()
        self._pending: Trial | None = None
        self._first = {} if grid_points else _paper_values(base, self._distributions)
        self._grid = spread(points(space), grid_points) if grid_points else []

    def ask(self) -> dict[str, Any]:
        """Suggest parameters that were not tried before; then :meth:`bind` them to a trial.

        The space must have such parameters left.
        """
        if not self._asked and self._first:
            self.study.enqueue_trial(self._first)
        for point in self._grid:
            if self._key(point) not in self._asked:
                self.study.enqueue_trial(point)
                break
        attempt = 0
        asked = self._ask_once(attempt)
        while self._key(asked.params) in self._asked:
            self.study.tell(asked, state=TrialState.FAIL)
            attempt += 1
            asked = self._ask_once(attempt)
        self._pending = asked
        return dict(asked.params)

    def bind(self, trial: str) -> None:
        """Name the trial that runs the parameters asked for last."""
        assert self._pending is not None
        self._keep(trial, self._pending)
        self._pending = None

    def adopt(self, trial: str, params: Mapping[str, Any]) -> None:
        """Take up a trial that was handed out before, with its parameters."""
        self.study.enqueue_trial(dict(params))
        self._keep(trial, self.study.ask(self._distributions))

    def report(self, trial: str, step: int, value: float) -> None:
        """Record a finite intermediate value."""
        if math.isfinite(value):
            self._live[trial].report(value, step)

    def tell(self, trial: str, state: EndState, value: float | None = None) -> None:
        """Record how a trial ended; pruned trials keep their last intermediate value."""
        told = _STATES[state]
        values = value if told is TrialState.COMPLETE else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self.study.tell(self._live.pop(trial), values=values, state=told)

    def _ask_once(self, attempt: int) -> Trial:
        # A model would suggest the same again; a sequence goes on, so it is followed.
        name = "random" if attempt and self._sampler_name == "tpe" else self._sampler_name
        self.study.sampler = _sampler(name, self._cell, len(self._asked), attempt)
        return self.study.ask(self._distributions)

    def _keep(self, trial: str, asked: Trial) -> None:
        self._live[trial] = asked
        self._asked.add(self._key(asked.params))

    def _key(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(params[name] for name in self._distributions)


def _distribution(param: Param) -> BaseDistribution:
    if isinstance(param, FloatRange):
        return FloatDistribution(param.low, param.high, log=param.log)
    if isinstance(param, IntRange):
        return IntDistribution(param.low, param.high, log=param.log)
    return CategoricalDistribution(param.values)


def _sampler(name: SamplerName, cell: str, number: int, attempt: int) -> BaseSampler:
    seed = seed_from(cell, "ask", number, attempt)
    if name == "random":
        return RandomSampler(seed=seed)
    if name == "qmc":
        # One low-discrepancy sequence per cell: its seed must not change with the number.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return QMCSampler(
                seed=seed_from(cell, "qmc"),
                scramble=True,
                # What the sequence leaves out: choices, and all before a first trial has finished.
                independent_sampler=RandomSampler(seed=seed),
                warn_independent_sampling=False,
            )
    # All three flags are explicit so that results do not depend on Optuna's defaults.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(
            seed=seed,
            n_startup_trials=_STARTUP_TRIALS,
            multivariate=True,
            group=True,
            constant_liar=True,
        )


def _paper_values(base: Any, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    """Return those of the config's own values that lie in the space.

    A decay of zero is in no logarithmic range, and the paper's rate is still worth the first try.
    """
    values = flatten(base)
    return {name: values[name] for name, d in distributions.items() if _inside(values[name], d)}


def _inside(value: Any, distribution: BaseDistribution) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    return bool(distribution.low <= value <= distribution.high)
