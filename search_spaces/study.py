"""The vocabulary of a study: Study, Experiment, Factor, Cell; expansion, selection, stable keys.

A study file reads like its paper: experiments are tables, factors are their rows and columns, and
``configure`` says in plain Python what one cell of the table runs. Nothing here imports torch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search_spaces.compare import Compare
from search_spaces.derived import Derived
from search_spaces.figures import (
    DerivedBars,
    ExperimentFigure,
    GainScatter,
    StudyFigure,
    check_experiment_figures,
)
from search_spaces.space import Space, size
from trainables.config import flatten, has_value
from trainables.errors import ConfigError, SelectionError, did_you_mean

Levels = Mapping[str, str]
"""Factor name -> level name: one point of a grid."""

ErrorKind = Literal["sd", "se", "population_se", "ci95", "none"]
"""What stands behind a published ±; a population se has n in the denominator of its variance."""

Scale = Literal["twin", "smoke"]
"""How far a study is scaled down: to what twins need, or to touch everything once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What selects between configs and stops trials: a validation metric, never a test one."""

    metric: str
    mode: Literal["max", "min"] = "max"

    def __post_init__(self) -> None:
        if not self.metric.startswith("val/"):
            raise ConfigError(f"an objective must be a 'val/' metric, got '{self.metric}'")


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A number as a paper prints it, in the unit of our metric (fractions, not percent).

    Args:
        doubt: why it cannot be right, where it contradicts other numbers of the paper; ours is not
            held against it.
    """

    value: float
    source: str
    error: float | None = None
    error_kind: ErrorKind = "none"
    n: int | None = None
    doubt: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRef:
    """Another cell of the same study, by experiment name and levels."""

    experiment: str
    levels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, experiment: str, levels: Levels) -> CellRef:
        return cls(experiment=experiment, levels=tuple(levels.items()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What one cell runs.

    Args:
        config: the trainable's Config with the paper's hyper-parameters.
        objective: validation metric that selects.
        metric: the metric the table prints, as ``run()`` of the trainable names it.
        space: what ``--recipe search`` tunes; empty: nothing to tune.
        grid: the search is part of the study: every point of ``space``, whose parameters are all
            choices, is tried to its end, whatever recipe is asked for.
        steps: the last step a trial of this config reports (ASHA's horizon).
        needs: artifacts of other cells, by the name the trainable looks them up.
        optional_data: skip the cell, with a line that says so, when its data is absent.
    """

    config: Any
    objective: Objective
    metric: str
    space: Space = field(default_factory=dict)
    grid: bool = False
    steps: int = 1
    needs: Mapping[str, CellRef] = field(default_factory=dict)
    optional_data: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"a trial reports at least one step, got steps={self.steps}")
        if self.grid and math.isinf(size(self.space)):
            raise ConfigError("a grid is made of choices and whole numbers, not of ranges")
        for key in self.space:
            if not has_value(self.config, key):
                known = flatten(self.config)
                raise ConfigError(
                    f"the search space has '{key}', which {type(self.config).__name__} of "
                    f"'{self.config.trainable}' has not.{did_you_mean(key, known)}"
                )
        chosen_by = getattr(self.config, "selection_metric", self.objective.metric)
        if chosen_by != self.objective.metric:
            raise ConfigError(
                f"the config chooses the epoch by '{chosen_by}' and the study chooses the config "
                f"by '{self.objective.metric}': set selection_metric or the objective so that "
                "they are the same"
            )
        if hasattr(self.config, "selection_metric") and self.objective.mode == "min":
            raise ConfigError(
                f"selection_metric '{chosen_by}' keeps the largest value, so the objective cannot "
                "have mode 'min'"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """One axis of a table. ``titles`` gives levels the names the paper prints."""

    name: str
    levels: tuple[str, ...]
    titles: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.levels)) != len(self.levels) or not self.levels:
            raise ConfigError(f"factor '{self.name}' needs distinct levels, got {self.levels}")

    def title(self, level: str) -> str:
        return self.titles.get(level, level)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How much a cell of an experiment may spend.

    Args:
        search_trials: configs tried under ``--recipe search``.
        replicates: seeds of the chosen config.
        grace_steps: steps no trial is stopped before (ASHA's first rung).
        reduction: ASHA keeps the best 1/reduction at each rung.
    """

    search_trials: int = 8
    replicates: int = 3
    grace_steps: int = 1
    reduction: int = 3

    def __post_init__(self) -> None:
        for name, least in (
            ("search_trials", 1),
            ("replicates", 1),
            ("grace_steps", 1),
            ("reduction", 2),
        ):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"a budget's {name} is at least {least}, got {getattr(self, name)}"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """One table, figure or ablation of a study.

    Args:
        configure: levels -> what the cell runs, or None where the paper has no such combination.
        published: levels in factor order -> the paper's number.
        columns: names of the factors printed across the top; the others are rows.
        figures: what the report draws below the table.
        compare: levels that the report holds against each other, pair by pair.
    """

    name: str
    title: str
    factors: tuple[Factor, ...]
    configure: Callable[[Levels], Recipe | None]
    published: Mapping[tuple[str, ...], Published] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    columns: tuple[str, ...] = ()
    figures: tuple[ExperimentFigure, ...] = ()
    compare: Compare | None = None

    def __post_init__(self) -> None:
        names = [f.name for f in self.factors]
        if "experiment" in names:
            raise ConfigError(f"experiment '{self.name}': a factor cannot be named 'experiment'")
        if len(set(names)) != len(names):
            raise ConfigError(f"experiment '{self.name}': factors need distinct names, got {names}")
        for column in self.columns:
            if column not in names:
                raise ConfigError(f"experiment '{self.name}': column '{column}' is not a factor")
        grid = set(itertools.product(*(f.levels for f in self.factors)))
        for levels in self.published:
            if levels not in grid:
                raise ConfigError(
                    f"experiment '{self.name}': published {levels} is not in the grid"
                )
        check_experiment_figures(self.name, self.figures, names)
        if self.compare is not None:
            self.compare.check(self.name, names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One point of an experiment's grid: one number of the paper's table."""

    study: str
    experiment: str
    levels: tuple[tuple[str, str], ...]
    recipe: Recipe
    budget: Budget
    published: Published | None = None

    @property
    def key(self) -> str:
        """``transfer/weights=imagenet/method=knn``: unique and readable within a study."""
        return cell_key(self.experiment, self.levels)


def cell_key(experiment: str, levels: tuple[tuple[str, str], ...]) -> str:
    """Return the key of a cell from its experiment and levels."""
    return "/".join([experiment, *(f"{name}={level}" for name, level in levels)])


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """One paper's work.

    Args:
        scaled: a cell's recipe -> what it runs on twins, which need fewer and smaller steps than
            the paper's data, or None where the study leaves it out. Data sets and backbones
            themselves are swapped by the planner.
        derived: tables computed from the cells of an experiment.
        figures: figures of several experiments.
        deviations: where the study knowingly does other than the paper, or had to choose because
            the paper does not say; short sentences for the report.
    """

    name: str
    title: str
    paper: str
    experiments: tuple[Experiment, ...]
    scaled: Callable[[Recipe, Scale], Recipe | None] | None = None
    derived: tuple[Derived, ...] = ()
    figures: tuple[StudyFigure, ...] = ()
    deviations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [*(e.name for e in self.experiments), *(d.name for d in self.derived)]
        if len(set(names)) != len(names):
            raise ConfigError(
                f"study '{self.name}': experiments need distinct names, derived tables too, "
                f"got {names}"
            )
        for derived in self.derived:
            self.experiment(derived.experiment)
        for figure in self.figures:
            if isinstance(figure, DerivedBars):
                self._check_bars(figure)
            else:
                self._check_scatter(figure)

    def cells(self, only: Mapping[str, tuple[str, ...]] | None = None) -> list[Cell]:
        """Expand every experiment, keeping the cells whose levels are all in ``only``.

        ``only`` maps factor names, or 'experiment', to levels. An experiment without a named
        factor is left out, and cells that a kept cell needs are added.

        Raises:
            SelectionError: an unknown factor or level, or nothing left.
        """
        every = [cell for experiment in self.experiments for cell in _expand(self.name, experiment)]
        if not only:
            return every
        self._check_selection(only)
        kept = [cell for cell in every if _matches(cell, only)]
        if not kept:
            asked = ", ".join(f"{name}={','.join(levels)}" for name, levels in only.items())
            raise SelectionError(f"study '{self.name}' has no cell with {asked}")
        return _with_needs(kept, every)

    def _check_selection(self, only: Mapping[str, tuple[str, ...]]) -> None:
        known: dict[str, set[str]] = {"experiment": {e.name for e in self.experiments}}
        for experiment in self.experiments:
            for factor in experiment.factors:
                known.setdefault(factor.name, set()).update(factor.levels)
        for name, levels in only.items():
            if name not in known:
                raise SelectionError(
                    f"study '{self.name}' has no factor '{name}'.{did_you_mean(name, known)}"
                )
            for level in levels:
                if level not in known[name]:
                    raise SelectionError(
                        f"factor '{name}' of study '{self.name}' has no level '{level}'."
                        f"{did_you_mean(level, known[name])}"
                    )

    def _check_bars(self, figure: DerivedBars) -> None:
        table = self._derived(figure.name, figure.table)
        shown = {figure.bars: None, figure.colours: None, **figure.where}
        factors = {f.name: f for f in table.factors}
        if set(shown) != set(factors) or len(shown) != 2 + len(figure.where):
            raise ConfigError(
                f"figure '{figure.name}': bars, colours and where must name each factor of derived "
                f"table '{table.name}' once: {', '.join(factors)}"
            )
        for name, level in figure.where.items():
            if level not in factors[name].levels:
                raise ConfigError(
                    f"figure '{figure.name}': factor '{name}' has no level '{level}'."
                    f"{did_you_mean(level, factors[name].levels)}"
                )

    def _derived(self, figure: str, name: str) -> Derived:
        for table in self.derived:
            if table.name == name:
                return table
        known = [d.name for d in self.derived]
        raise ConfigError(
            f"figure '{figure}': study '{self.name}' has no derived table '{name}'."
            f"{did_you_mean(name, known)}"
        )

    def _check_scatter(self, figure: GainScatter) -> None:
        factors = [f.name for f in self.experiment(figure.y).factors]
        if figure.points not in factors:
            raise ConfigError(
                f"figure '{figure.name}': experiment '{figure.y}' has no factor '{figure.points}'"
            )
        for name in (figure.size, figure.colour):
            table = self._derived(figure.name, name)
            if {f.name for f in table.factors} != {figure.panels, figure.points}:
                raise ConfigError(
                    f"figure '{figure.name}': derived table '{name}' needs the factors "
                    f"'{figure.panels}' and '{figure.points}'"
                )

    def experiment(self, name: str) -> Experiment:
        """Return an experiment by name.

        Raises:
            SelectionError: there is none of that name.
        """
        for experiment in self.experiments:
            if experiment.name == name:
                return experiment
        names = [e.name for e in self.experiments]
        raise SelectionError(
            f"study '{self.name}' has no experiment '{name}'.{did_you_mean(name, names)}"
        )


def _expand(study: str, experiment: Experiment) -> list[Cell]:
    names = [f.name for f in experiment.factors]
    cells = []
    for combination in itertools.product(*(f.levels for f in experiment.factors)):
        levels = dict(zip(names, combination, strict=True))
        recipe = experiment.configure(levels)
        if recipe is None:
            continue
        cell = Cell(
            study=study,
            experiment=experiment.name,
            levels=tuple(levels.items()),
            recipe=recipe,
            budget=experiment.budget,
            published=experiment.published.get(combination),
        )
        cells.append(cell)
    return cells


def _matches(cell: Cell, only: Mapping[str, tuple[str, ...]]) -> bool:
    levels = {"experiment": cell.experiment, **dict(cell.levels)}
    return all(levels.get(name) in wanted for name, wanted in only.items())


def _with_needs(kept: list[Cell], every: list[Cell]) -> list[Cell]:
    by_key = {cell.key: cell for cell in every}
    wanted = {cell.key for cell in kept}
    queue = list(kept)
    while queue:
        for ref in queue.pop().recipe.needs.values():
            key = cell_key(ref.experiment, ref.levels)
            if key in by_key and key not in wanted:
                wanted.add(key)
                queue.append(by_key[key])
    return [cell for cell in every if cell.key in wanted]
