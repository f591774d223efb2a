"""Tables computed from the cells of an experiment, with the uncertainty its replicates leave."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from orchestrator.report.bootstrap import generator
from orchestrator.report.experiment_table import build_table
from orchestrator.report.results import CellResult, StudyResults, TrialResult
from orchestrator.report.statistics import Statistic
from orchestrator.report.table import Entry, EntryStatus, Table, arrange
from search_spaces.derived import Derived, Run, Values
from search_spaces.study import Experiment, Study
from trainables.errors import ConfigError

_DRAWS = 1000
_BOUNDS = (0.025, 0.975)
_UNKNOWN = (None, None, None)

_Levels = tuple[str, ...]


def build_derived(results: StudyResults, study: Study, derived: Derived) -> Table:
    """Return a derived table.

    Raises:
        ConfigError: the study's functions gave what is no number, or none of this table.
    """
    experiment = study.experiment(derived.experiment)
    sources = {tuple(e.levels.values()): e for e in build_table(results, experiment).entries}
    work = _Computation(derived=derived, experiment=experiment, sources=sources)
    return arrange(derived, work.entry)


@dataclass(frozen=True, kw_only=True)
class _Computation:
    """One derived table in the making.

    Args:
        sources: levels of the experiment -> its entry.
    """

    derived: Derived
    experiment: Experiment
    sources: Mapping[_Levels, Entry]

    def entry(self, levels: Mapping[str, str]) -> Entry | None:
        """Return what stands at levels of the derived table."""
        key = tuple(levels.values())
        agreeing = self._agreeing(levels)
        if not agreeing:
            return None
        under = [k for k in self.sources if k in agreeing or k in self._influence.get(key, ())]
        value = self._computed.get(key)
        statistic = None
        status, note = _why_not(value, [self.sources[k] for k in agreeing])
        if value is not None and math.isfinite(value):
            status, note = "number", ""
            n = min((len(self._runs[k]) for k in under if k in self._runs), default=0)
            se, low, high = self._intervals.get(key, _UNKNOWN) if n > 1 else _UNKNOWN
            statistic = Statistic(n=n, mean=value, se=se, ci95_low=low, ci95_high=high)
        return Entry(
            levels=levels,
            status=status,
            note=note,
            metric=self.derived.value_name,
            statistic=statistic,
            published=self.derived.published.get(key),
            under=tuple(_cells(self.sources[k] for k in under if k in self._runs)),
        )

    def _agreeing(self, levels: Mapping[str, str]) -> list[_Levels]:
        """Return the experiment's levels that agree with the table's in factors of one name."""
        return [
            key
            for key, source in self.sources.items()
            if all(levels.get(name, level) == level for name, level in source.levels.items())
        ]

    @cached_property
    def _runs(self) -> Mapping[_Levels, Sequence[float]]:
        """The run value of every replicate of the cells that are complete."""
        return {
            key: _run_values(self.derived, source.cell, source.metric)
            for key, source in self.sources.items()
            if source.cell is not None and source.status == "number"
        }

    def _cell(self, key: _Levels) -> str:
        """Return the id of the cell that a number of the experiment is of."""
        cell = self.sources[key].cell
        assert cell is not None  # it has runs
        return cell.cell

    @cached_property
    def _means(self) -> Values:
        return {key: fmean(values) for key, values in self._runs.items()}

    @cached_property
    def _computed(self) -> Values:
        return self._compute(self._means)

    def _compute(self, means: Values) -> Values:
        values = self.derived.compute(means)
        grid = set(itertools.product(*(f.levels for f in self.derived.factors)))
        for levels in values:
            if levels not in grid:
                raise ConfigError(
                    f"derived table '{self.derived.name}': compute gave a value for {levels}, "
                    "which is not in its grid"
                )
        return values

    @cached_property
    def _influence(self) -> Mapping[_Levels, set[_Levels]]:
        """The cells without which a value would be another.

        A value scaled by the least and the most of a table stands on cells that share no level
        with it.
        """
        found: dict[_Levels, set[_Levels]] = {key: set() for key in self._computed}
        for left_out in self._means:
            others = {k: v for k, v in self._means.items() if k != left_out}
            without = self._compute(others)
            for key, value in self._computed.items():
                if without.get(key) != value:
                    found[key].add(left_out)
        return found

    @cached_property
    def _intervals(self) -> Mapping[_Levels, tuple[float, float, float]]:
        """Standard error and percentile interval by bootstrap.

        There is none where a draw has no finite value.
        """
        import numpy as np

        rng = generator(self.derived.name)
        # Places of one cell, such as two metrics of its trials, are drawn together.
        rows: dict[tuple[str, int], np.ndarray[Any, np.dtype[np.int64]]] = {}
        drawn = {}
        for key, values in self._runs.items():
            every = np.asarray(values, dtype=np.float64)
            of = (self._cell(key), len(every))
            if of not in rows:
                rows[of] = rng.integers(len(every), size=(_DRAWS, len(every)))
            drawn[key] = every[rows[of]].mean(axis=1)
        results = [
            self._compute({key: float(means[draw]) for key, means in drawn.items()})
            for draw in range(_DRAWS)
        ]
        intervals = {}
        for key in self._computed:
            values = [result.get(key, math.nan) for result in results]
            if all(math.isfinite(value) for value in values):
                low, high = np.quantile(values, _BOUNDS)
                intervals[key] = (float(np.std(values)), float(low), float(high))
        return intervals


def _run_values(derived: Derived, cell: CellResult, metric: str) -> list[float]:
    values = []
    for trial in cell.replicates:
        if metric not in trial.metrics:
            continue
        try:
            values.append(float(derived.run_value(_run(trial, metric))))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"derived table '{derived.name}': run_value fails on replicate {trial.index} of "
                f"cell {cell.name}: {error!r}"
            ) from error
    return values


def _run(trial: TrialResult, metric: str) -> Run:
    return Run(
        value=trial.metrics[metric],
        steps=trial.curve.steps,
        values=trial.curve.values,
        params=trial.config,
        metrics=trial.metrics,
    )


def _cells(entries: Iterable[Entry]) -> list[CellResult]:
    return [entry.cell for entry in entries if entry.cell is not None]


def _why_not(value: float | None, sources: Sequence[Entry]) -> tuple[EntryStatus, str]:
    """Say why there is no number."""
    if value is not None:
        return "undefined", f"undefined ({value})"
    done = sum(source.status == "number" for source in sources)
    cells = f"{done} of {len(sources)} cells have a number"
    if done == len(sources):
        return "undefined", "undefined: nothing follows from its cells"
    if any(source.status in ("failed", "no metric") for source in sources):
        return "failed", f"failed: {cells}"
    return ("unfinished", f"unfinished: {cells}") if done else ("not run", "not run")
