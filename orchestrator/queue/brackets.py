"""ASHA for one cell: Ray Tune's brackets, told one (trial, step, value) at a time.

Kept apart from Ray's trial objects so that the rungs can be refilled from the ledger.
"""

from __future__ import annotations

from types import SimpleNamespace

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from search_spaces.study import Budget, Objective

_STEP, _VALUE = "step", "value"


class Brackets:
    """Decide whether a search trial goes on.

    Args:
        objective: gives the direction.
        budget: first rung and reduction factor.
        steps: the last step a full trial reports.
    """

    def __init__(self, objective: Objective, budget: Budget, steps: int) -> None:
        # One more than the last step: reaching max_t would count as being stopped.
        horizon = max(steps, budget.grace_steps) + 1
        self._asha = AsyncHyperBandScheduler(
            time_attr=_STEP,
            metric=_VALUE,
            mode=objective.mode,
            max_t=horizon,
            grace_period=budget.grace_steps,
            reduction_factor=budget.reduction,
        )
        self._steps = steps

    def add(self, trial: str) -> None:
        """Register a trial."""
        self._asha.on_trial_add(None, SimpleNamespace(trial_id=trial))

    def stops(self, trial: str, step: int, value: float) -> bool:
        """Record a value; return whether the trial is to be stopped there."""
        decision = self._asha.on_trial_result(
            None, SimpleNamespace(trial_id=trial), {_STEP: step, _VALUE: value}
        )
        # A trial at its last step has nothing left to save.
        return bool(decision == TrialScheduler.STOP) and step < self._steps
