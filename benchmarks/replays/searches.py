"""Searches over a table: the queue as a study runs it, its parts, and Ray Tune's own bridge.

All are driven one trial after another, without a cluster. Ours and its parts are the product's
`StudyQueue`; what is Ray's are its unchanged `OptunaSearch` and `AsyncHyperBandScheduler`.

Axes: m records in the order in which a search saw them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch
from replays.tables import Floats, Table

from orchestrator.events import Event
from orchestrator.ledger import Ledger
from orchestrator.plan import Place, Plan, PlannedCell
from orchestrator.queue.study_queue import StudyQueue
from orchestrator.selection import SamplerName, Selection
from search_spaces.space import Choice, Param
from search_spaces.study import Budget, Objective, Study
from trainables.config import seed_from

VALUE, RECORD = "val/value", "record"
REDUCTION = 3
_PLACE = Place(experiment="replay", levels={}, metric=VALUE, published=None)


class Search(Protocol):
    """What suggests configs, hears how they do and stops them."""

    def ask(self) -> tuple[str, Mapping[str, Any]]:
        """Return the name and the parameters of the next trial."""
        ...

    def stops(self, trial: str, record: int, value: float) -> bool:
        """Take a value; return whether the trial ends there."""
        ...

    def end(self, trial: str) -> None:
        """Take the end of a trial, stopped or not."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What a search saw, and what it had spent by then."""

    spent_m: Floats
    val_m: Floats
    test_m: Floats

    def spent_until(self, goal: float) -> float:
        """Return what was spent when a value as good was seen first; infinite if none was."""
        reached = np.flatnonzero(self.val_m >= goal)
        return float(self.spent_m[reached[0]]) if len(reached) else math.inf


def replay(search: Search, table: Table, budget: float) -> Trace:
    """Run a search until it has spent a budget."""
    before, seen = 0.0, list[tuple[float, float, float]]()
    while before < budget:
        trial, params = search.ask()
        row = table.nearest(params)
        for record, (cost, value) in enumerate(zip(table.cost_r, table.val_br[row], strict=True)):
            seen.append((before + cost, value, table.test_br[row, record]))
            if search.stops(trial, record + 1, float(value)):
                break
        search.end(trial)
        before = seen[-1][0]
    spent_m, val_m, test_m = np.array([entry for entry in seen if entry[0] <= budget]).T
    return Trace(spent_m=spent_m, val_m=val_m, test_m=test_m)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A search to compare.

    Args:
        stops_early: ASHA ends trials.
        defaults_first: the config's own values are the first suggestion.
    """

    title: str
    sampler: SamplerName
    stops_early: bool
    defaults_first: bool = False


OURS = Arm(title="ours", sampler="tpe", stops_early=True, defaults_first=True)
NO_DEFAULTS = Arm(title="no defaults", sampler="tpe", stops_early=True)
TPE = Arm(title="TPE alone", sampler="tpe", stops_early=False)
ASHA = Arm(title="ASHA alone", sampler="random", stops_early=True)
RANDOM = Arm(title="random", sampler="random", stops_early=False)


class Queued:
    """The queue of a study of one cell.

    Args:
        defaults: the config's own values.
        first_rung: records no trial is stopped before.
        name: seeds what is drawn.
    """

    def __init__(
        self, arm: Arm, table: Table, defaults: Mapping[str, Any], first_rung: int, name: str
    ) -> None:
        self._names = {name.replace(".", "_"): name for name in table.space}
        cell = PlannedCell(
            id=name,
            places=(_PLACE,),
            config=self._config(defaults if arm.defaults_first else {}),
            recipe="search",
            objective=Objective(metric=VALUE),
            space={short: table.space[name] for short, name in self._names.items()},
            steps=len(table.cost_r),
            budget=Budget(
                # More than any budget pays for.
                search_trials=1_000_000,
                grace_steps=first_rung if arm.stops_early else len(table.cost_r),
                reduction=REDUCTION,
            ),
        )
        plan = Plan(
            study=Study(name="replay", title="", paper="", experiments=()),
            selection=Selection(study="replay", sampler=arm.sampler),
            cells=(cell,),
        )
        self._queue = StudyQueue(plan, _Unwritten(Path()))

    def ask(self) -> tuple[str, Mapping[str, Any]]:
        work = self._queue.next_work()
        assert work is not None
        return work.trial, {self._names[short]: v for short, v in work.params.items()}

    def stops(self, trial: str, record: int, value: float) -> bool:
        return self._queue.on_report(trial, record, {VALUE: value})

    def end(self, trial: str) -> None:
        if self._queue.record(trial).stop:
            self._queue.on_stopped(trial)
        else:
            self._queue.on_complete(trial, {}, None)

    def _config(self, defaults: Mapping[str, Any]) -> Any:
        """Return a config of the parameters alone; NaN is in no range and no first suggestion."""
        values = {short: defaults.get(name, math.nan) for short, name in self._names.items()}
        made = dataclasses.make_dataclass(
            "Config", values, frozen=True, namespace={"trainable": "replay", "version": 1}
        )
        return made(**values)


class _Unwritten(Ledger):
    """A ledger that nobody will read: the disk is not what is compared."""

    def append(self, event: Event) -> None:
        pass

    def read(self, offset: int = 0) -> Iterator[tuple[int, Event]]:
        del offset
        return iter(())


class RaysOwn:
    """`OptunaSearch` and `AsyncHyperBandScheduler`, called in the order in which Tune calls them.

    Args:
        first_rung: records no trial is stopped before.
        name: seeds what is drawn.
    """

    def __init__(self, table: Table, first_rung: int, name: str) -> None:
        space = {name: _domain(param) for name, param in table.space.items()}
        self._search = OptunaSearch(
            OptunaSearch.convert_search_space(space), metric=VALUE, mode="max", seed=seed_from(name)
        )
        self._asha = AsyncHyperBandScheduler(
            time_attr=RECORD,
            metric=VALUE,
            mode="max",
            max_t=len(table.cost_r),
            grace_period=first_rung,
            reduction_factor=REDUCTION,
        )
        self._asked = 0
        self._last: dict[str, Any] = {}

    def ask(self) -> tuple[str, Mapping[str, Any]]:
        self._asked += 1
        trial = str(self._asked)
        params = self._search.suggest(trial)
        assert params is not None
        self._asha.on_trial_add(None, SimpleNamespace(trial_id=trial))
        return trial, params

    def stops(self, trial: str, record: int, value: float) -> bool:
        self._last = {VALUE: value, RECORD: record, "training_iteration": record}
        decision = self._asha.on_trial_result(None, SimpleNamespace(trial_id=trial), self._last)
        if decision == TrialScheduler.STOP:
            return True
        self._search.on_trial_result(trial, self._last)
        return False

    def end(self, trial: str) -> None:
        # Tune says of a stopped trial what it says of a finished one.
        self._search.on_trial_complete(trial, self._last)


def _domain(param: Param) -> Any:
    if isinstance(param, Choice):
        return tune.choice(list(param.values))
    return (tune.loguniform if param.log else tune.uniform)(param.low, param.high)
