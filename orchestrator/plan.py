"""From a selection to cells that can run: identities, needs, and everything checkable beforehand.

Planning changes nothing and starts nothing. A cell's identity hashes what makes its number (the
trainable and its version, config, recipe, data, weights, the cells it needs) and nothing about
where it runs. Cells of different tables with the same identity are planned once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from orchestrator.overrides import check_overrides, has_key, overridden
from orchestrator.selection import Selection
from orchestrator.twins import on_twins
from search_spaces.registry import load_study
from search_spaces.space import Choice, Param, Space, size
from search_spaces.study import Budget, Cell, Objective, Recipe, Scale, Study, cell_key
from trainables.config import (
    BackboneRef,
    DataRef,
    canonical,
    digest,
    references,
    replace_path,
)
from trainables.context import Locations
from trainables.data.cards import DataStatus, reference_status
from trainables.data.knowledge_files import (
    KnowledgeFile,
    KnowledgeStatus,
    knowledge_files,
    knowledge_status,
)
from trainables.errors import ConfigError, DatasetError, WeightsError, XenograftError
from trainables.models.weights import WeightsStatus, fetch_weights, weights_status

HowTuned = Literal["paper", "search", "grid"]
"""The paper's config as it is, tuned by a sampler, or every point of a grid tried."""

DataOrFile = DataStatus | KnowledgeStatus
"""What a cell reads beside weights."""

_SMOKE_SEARCH = 2


class PlanError(XenograftError):
    """The selection cannot run as it is; the message lists every reason."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a cell's number is printed."""

    experiment: str
    levels: Mapping[str, str]
    metric: str
    published: Mapping[str, Any] | None

    @property
    def key(self) -> str:
        return cell_key(self.experiment, tuple(self.levels.items()))

    @property
    def label(self) -> str:
        """``transfer: imagenet, knn, fashion``: for people."""
        return f"{self.experiment}: {', '.join(self.levels.values())}"


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """A cell that can run: identity, config, budget, and what it stands on."""

    id: str
    places: tuple[Place, ...]
    config: Any
    recipe: HowTuned
    objective: Objective
    space: Space
    steps: int
    budget: Budget
    needs: Mapping[str, str] = field(default_factory=dict)
    data: tuple[Mapping[str, str], ...] = ()
    weights: tuple[Mapping[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Readable key of the first place."""
        return self.places[0].key

    @property
    def label(self) -> str:
        """The first place's label, and how many more places print this cell."""
        more = len(self.places) - 1
        return self.places[0].label + (f" (+{more} more)" if more else "")

    @property
    def search_trials(self) -> int:
        """Configs the search tries: the budget, or every point of a space that has fewer."""
        if self.recipe == "paper":
            return 0
        return int(min(self.budget.search_trials, size(self.space)))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do.

    Args:
        cells: in an order where every cell comes after the cells it needs.
        problems: what must be put right first, one line each.
        waiting: keys of the cells that ``problems`` keep from running.
        skipped: cell key -> why it is left out.
    """

    study: Study
    selection: Selection
    cells: tuple[PlannedCell, ...]
    problems: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)

    def require_runnable(self) -> None:
        """Check that nothing stands in the way.

        Raises:
            PlanError: something does; every reason is listed.
        """
        if self.problems:
            lines = "\n".join(f"  - {problem}" for problem in self.problems)
            raise PlanError(f"study '{self.study.name}' cannot run yet:\n{lines}")
        if not self.cells:
            lines = "\n".join(f"  - {key}: {why}" for key, why in self.skipped.items())
            raise PlanError(f"nothing is left to run of study '{self.study.name}':\n{lines}")


def make_plan(selection: Selection, locations: Locations, fetch: bool = False) -> Plan:
    """Plan a selection.

    Args:
        fetch: get absent weights from the model hub, if the settings allow it.

    Raises:
        SelectionError: unknown study, factor or level, or an empty selection.
        ConfigError: an override that no cell has, or of the wrong type.
    """
    study = load_study(selection.study)
    cells = study.cells(selection.only)
    check_overrides(cells, selection.overrides)
    planner = _Planner(selection, study.scaled, locations, fetch and locations.hub == "online")
    for cell in _in_order_of_need(cells):
        planner.add(cell)
    return Plan(
        study=study,
        selection=selection,
        cells=tuple(planner.planned.values()),
        problems=tuple(planner.problems),
        waiting=tuple(planner.waiting),
        skipped=planner.skipped,
    )


class _Planner:
    """Collect planned cells, merging those with equal identity."""

    def __init__(
        self,
        selection: Selection,
        scaled: Callable[[Recipe, Scale], Recipe | None] | None,
        locations: Locations,
        fetch: bool,
    ) -> None:
        self.selection = selection
        self.scaled = scaled
        self.fetch = fetch
        self.locations = locations
        self.planned: dict[str, PlannedCell] = {}
        self.problems: dict[str, None] = {}
        self.waiting: dict[str, None] = {}
        self.skipped: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._data: dict[DataRef | KnowledgeFile, DataOrFile] = {}
        self._weights: dict[BackboneRef, WeightsStatus] = {}

    def add(self, cell: Cell) -> None:
        """Plan one cell; cells it needs must have been added before."""
        try:
            recipe = self._resolve(cell)
            if recipe is None:
                self.skipped[cell.key] = "the study leaves it out at this size"
                return
            data, weights = self._statuses(recipe.config)
        except (DatasetError, WeightsError) as error:
            self._refuse(cell, [str(error)])
            return
        absent_data = [d.reason for d in data if not d.present]
        absent_weights = [w.reason for w in weights if not w.present]
        if absent_data:
            self._refuse(cell, absent_data)
        # Optional data is a promise about data: absent weights always stand in the way.
        if absent_weights:
            self._hold(cell, absent_weights)
        if absent_data or absent_weights:
            return
        needs = {name: cell_key(r.experiment, r.levels) for name, r in cell.recipe.needs.items()}
        if any(key in self.waiting for key in needs.values()):
            self.waiting[cell.key] = None
            return
        for key in needs.values():
            if key not in self._ids:
                self.skipped[cell.key] = f"needs {key}, which is not runnable"
                return
        self._merge(self._make(cell, recipe, needs, data, weights), cell)

    def _refuse(self, cell: Cell, reasons: list[str]) -> None:
        if cell.recipe.optional_data:
            self.skipped[cell.key] = "; ".join(reasons)
        else:
            self._hold(cell, reasons)

    def _hold(self, cell: Cell, reasons: list[str]) -> None:
        self.problems.update(dict.fromkeys(reasons))
        if cell.key not in self.skipped:
            self.waiting[cell.key] = None

    def _resolve(self, cell: Cell) -> Recipe | None:
        scale = self.selection.scale
        recipe = cell.recipe
        if scale is None and not self.selection.overrides:
            return recipe
        if scale is not None and self.scaled is not None:
            smaller = self.scaled(cell.recipe, scale)
            if smaller is None:
                return None
            recipe = smaller
        config, space = recipe.config, recipe.space
        if scale is not None:
            config = on_twins(config)
        overrides = {k: t for k, t in self.selection.overrides.items() if has_key(config, k)}
        if overrides:
            config = overridden(config, overrides)
            left = {k: p for k, p in space.items() if not _is_fixed(k, overrides)}
            space = {k: p for k, p in left.items() if not _is_idle(k, p, config)}
        # Made anew, so that what the study checks holds for the changed config too.
        return dataclasses.replace(recipe, config=config, space=space)

    def _statuses(self, config: Any) -> tuple[list[DataOrFile], list[WeightsStatus]]:
        data_refs, backbone_refs = references(config)
        files = knowledge_files(config)
        for data_ref in data_refs:
            if data_ref not in self._data:
                self._data[data_ref] = reference_status(data_ref, self.locations)
        for file in files:
            if file not in self._data:
                self._data[file] = knowledge_status(file, self.locations)
        for ref in backbone_refs:
            if ref not in self._weights:
                if self.fetch:
                    fetch_weights(ref, self.locations)
                self._weights[ref] = weights_status(ref, self.locations)
        data = [self._data[ref] for ref in data_refs] + [self._data[file] for file in files]
        return data, [self._weights[ref] for ref in backbone_refs]

    def _make(
        self,
        cell: Cell,
        recipe: Recipe,
        needs: Mapping[str, str],
        data: list[DataOrFile],
        weights: list[WeightsStatus],
    ) -> PlannedCell:
        config, space = recipe.config, recipe.space
        how = self._how(recipe)
        need_ids = {name: self._ids[key] for name, key in needs.items()}
        identity = {
            "trainable": config.trainable,
            "version": config.version,
            "config": config,
            "recipe": how,
            "space": space if how != "paper" else None,
            "objective": recipe.objective,
            "data": [s.digest for s in data],
            "weights": [s.digest for s in weights],
            "needs": need_ids,
        }
        published = None if cell.published is None else canonical(cell.published)
        place = Place(
            experiment=cell.experiment,
            levels=dict(cell.levels),
            metric=recipe.metric,
            published=published,
        )
        needed = [self.planned[id_] for id_ in need_ids.values()]
        return PlannedCell(
            id=digest(identity)[:16],
            places=(place,),
            config=config,
            recipe=how,
            objective=recipe.objective,
            space=space,
            steps=recipe.steps,
            budget=self._budget(cell, recipe),
            needs=need_ids,
            # What a cell needs stood on data and weights too, and so does its own number.
            data=_together([_data_facts(s) for s in data], [c.data for c in needed]),
            weights=_together([_weights_facts(s) for s in weights], [c.weights for c in needed]),
        )

    def _how(self, recipe: Recipe) -> HowTuned:
        if not recipe.space:
            return "paper"
        return "grid" if recipe.grid else self.selection.recipe

    def _budget(self, cell: Cell, recipe: Recipe) -> Budget:
        budget, asked, smoke = cell.budget, self.selection, self.selection.smoke
        search = int(size(recipe.space)) if recipe.grid else budget.search_trials
        return dataclasses.replace(
            budget,
            search_trials=asked.search_trials or (_SMOKE_SEARCH if smoke else search),
            replicates=asked.replicates or (1 if smoke else budget.replicates),
            # A grid compares its points at their end: none is stopped before.
            grace_steps=recipe.steps if recipe.grid else _grace_steps(cell, recipe),
        )

    def _merge(self, planned: PlannedCell, cell: Cell) -> None:
        self._ids[cell.key] = planned.id
        known = self.planned.get(planned.id)
        if known is None:
            self.planned[planned.id] = planned
            return
        budget = dataclasses.replace(
            known.budget,
            search_trials=max(known.budget.search_trials, planned.budget.search_trials),
            replicates=max(known.budget.replicates, planned.budget.replicates),
        )
        self.planned[planned.id] = dataclasses.replace(
            known, places=known.places + planned.places, budget=budget
        )


def _is_fixed(key: str, overrides: Iterable[str]) -> bool:
    """Tell whether an override sets a key of the space, or a part of the config it is in."""
    return any(f"{key}.".startswith(f"{fixed}.") for fixed in overrides)


def _is_idle(key: str, param: Param, config: Any) -> bool:
    """Tell whether a config does without a key of the space: it refuses whatever value it gets.

    A probe that chooses its penalty itself (``--set fit=path``) leaves none to be searched.
    """
    for value in param.values if isinstance(param, Choice) else (param.low, param.high):
        with contextlib.suppress(ConfigError):
            replace_path(config, key, value)
            return False
    return True


def _grace_steps(cell: Cell, recipe: Recipe) -> int:
    """Return the same share of the steps as in the study, whose twins take fewer of them."""
    return math.ceil(cell.budget.grace_steps * recipe.steps / cell.recipe.steps)


def _in_order_of_need(cells: list[Cell]) -> list[Cell]:
    """Return the cells with every cell after the ones it needs."""
    by_key = {cell.key: cell for cell in cells}
    graph: dict[str, list[str]] = {}
    for key, cell in by_key.items():
        graph[key] = [cell_key(r.experiment, r.levels) for r in cell.recipe.needs.values()]
        for needed in graph[key]:
            if needed not in by_key:
                raise ConfigError(f"cell {key} needs {needed}, which the study does not have")
    try:
        return [by_key[key] for key in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise ConfigError(
            f"cells need each other in a circle: {' -> '.join(error.args[1])}"
        ) from None


def _together(
    own: Iterable[dict[str, str]], others: Iterable[tuple[Mapping[str, str], ...]]
) -> tuple[Mapping[str, str], ...]:
    every = itertools.chain(own, *others)
    return tuple({tuple(sorted(facts.items())): facts for facts in every}.values())


def _data_facts(status: DataOrFile) -> dict[str, str]:
    if isinstance(status, KnowledgeStatus):
        # Made-up knowledge of twins is in no file.
        file = {"name": status.file.place, "kind": "real", "source": status.file.title}
        return {**file, "digest": status.digest}
    card = status.card
    return {
        "name": card.name,
        "digest": status.digest,
        "kind": card.kind,
        "source": card.title,
    }


def _weights_facts(status: WeightsStatus) -> dict[str, str]:
    return {
        "card": status.ref.card,
        "weights": status.ref.weights,
        "digest": status.digest,
        "kind": status.kind,
    }
