"""Grids that belong to a study, and what a study becomes on twins."""

from __future__ import annotations

from pathlib import Path

import pytest
from local_executor import open_queue, run_all
from toy_package.grid_study import GRID, STEPS
from toy_package.toy_trainable import Config

from orchestrator.plan import Plan, make_plan
from orchestrator.selection import Selection
from search_spaces.space import Choice, FloatRange, IntRange, points, spread
from search_spaces.study import Objective, Recipe
from trainables.context import Locations
from trainables.errors import ConfigError


def _plan(locations: Locations, **selection: object) -> Plan:
    return make_plan(Selection(study="toy_package.grid_study", **selection), locations)  # type: ignore[arg-type]


@pytest.mark.parametrize("recipe", ["paper", "search"])
def test_a_grid_tries_every_point_to_its_end_in_order_whatever_the_recipe(
    recipe: str, locations: Locations, tmp_path: Path
) -> None:
    plan = _plan(locations, only={"name": ("small",)}, recipe=recipe)
    queue = open_queue(plan, tmp_path)
    work = run_all(queue, tmp_path, locations)
    tried = [w for w in work if w.phase == "search"]
    assert [w.params["x"] for w in tried] == list(GRID)
    progress = queue.cells[plan.cells[0].id]
    assert all(progress.records[w.trial].state == "complete" for w in tried)
    assert [w.params["x"] for w in work if w.phase == "replicate"] == [0.3, 0.3]


def test_a_grid_goes_on_where_it_was_left(locations: Locations, tmp_path: Path) -> None:
    plan = _plan(locations, only={"name": ("small",)})
    queue = open_queue(plan, tmp_path)
    first = queue.next_work()
    assert first is not None
    queue.next_work()
    again = open_queue(plan, tmp_path)
    tried = [w.params["x"] for w in run_all(again, tmp_path, locations) if w.phase == "search"]
    assert tried == list(GRID)


def test_a_smaller_budget_spreads_over_the_grid(locations: Locations, tmp_path: Path) -> None:
    plan = _plan(locations, only={"name": ("small",)}, search_trials=3)
    work = run_all(open_queue(plan, tmp_path), tmp_path, locations)
    assert [w.params["x"] for w in work if w.phase == "search"] == [0.1, 0.3, 0.5]


def test_twins_run_what_the_study_scales_down_and_leave_out_the_rest(locations: Locations) -> None:
    plan = _plan(locations, twin=True)
    (cell,) = plan.cells
    assert (cell.config.steps, cell.steps) == (STEPS["twin"], STEPS["twin"])
    assert (cell.search_trials, cell.budget.replicates) == (len(GRID), 2)
    assert plan.skipped == {"grid/name=large": "the study leaves it out at this size"}


def test_a_smoke_touches_every_cell_once(locations: Locations) -> None:
    (cell,) = _plan(locations, smoke=True).cells
    assert cell.config.steps == STEPS["smoke"]
    assert (cell.search_trials, cell.budget.replicates) == (2, 1)
    (more,) = _plan(locations, smoke=True, search_trials=4, replicates=3).cells
    assert (more.search_trials, more.budget.replicates) == (4, 3)


@pytest.mark.parametrize(
    ("selection", "arguments"),
    [
        (Selection(study="s", smoke=True, recipe="paper"), ["s", "--smoke"]),
        (
            Selection(study="s", smoke=True, recipe="search"),
            ["s", "--recipe", "search", "--smoke"],
        ),
    ],
)
def test_the_options_of_a_smoke_make_it_again(selection: Selection, arguments: list[str]) -> None:
    assert selection.to_arguments() == arguments


def test_a_grid_of_floats_is_refused() -> None:
    with pytest.raises(ConfigError, match="not of ranges"):
        Recipe(
            config=Config(),
            objective=Objective(metric="val/score"),
            metric="test/score",
            space={"x": FloatRange(low=0.0, high=1.0)},
            grid=True,
        )


def test_points_of_a_space_are_the_product_of_its_parameters() -> None:
    space = {"a": Choice(values=("u", "v")), "b": IntRange(low=1, high=3)}
    every = points(space)
    assert [(p["a"], p["b"]) for p in every] == [(a, b) for a in "uv" for b in (1, 2, 3)]
    assert spread(every, 2) == [every[0], every[-1]]
    assert spread(every, 1) == [every[3]]
    assert spread(every, 9) == every
