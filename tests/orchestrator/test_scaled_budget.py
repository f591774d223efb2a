"""The budget of a study on its twins: ASHA's first rung keeps its share of the steps."""

from __future__ import annotations

import pytest

from orchestrator.plan import PlannedCell, make_plan
from orchestrator.queue.brackets import Brackets
from orchestrator.selection import Selection
from search_spaces.registry import STUDIES
from search_spaces.study import Cell
from trainables.context import Locations


def _searches(study: str, locations: Locations, scale: str) -> list[tuple[Cell, PlannedCell]]:
    """Return the cells that are sampled and report more than once, in the study and planned."""
    plan = make_plan(Selection(study=study, recipe="search", **{scale: True}), locations)  # type: ignore[arg-type]
    cells = {cell.key: cell for cell in plan.study.cells()}
    return [
        (cells[planned.name], planned)
        for planned in plan.cells
        if planned.recipe == "search" and planned.steps > 1
    ]


@pytest.mark.parametrize("scale", ["twin", "smoke"])
@pytest.mark.parametrize("study", STUDIES)
def test_the_first_rung_is_within_one_step_of_its_share(
    study: str, scale: str, locations: Locations
) -> None:
    for cell, planned in _searches(study, locations, scale):
        share = cell.budget.grace_steps / cell.recipe.steps
        assert 0 <= planned.budget.grace_steps - share * planned.steps < 1, planned.name


@pytest.mark.parametrize("study", STUDIES)
def test_a_bad_trial_on_twins_is_stopped_before_its_end(study: str, locations: Locations) -> None:
    for cell, planned in _searches(study, locations, "twin"):
        if cell.budget.grace_steps >= cell.recipe.steps:
            continue  # the study itself stops none
        stopped = _stopped_at(planned)
        assert stopped is not None, planned.name
        assert planned.budget.grace_steps <= stopped < planned.steps


def _stopped_at(cell: PlannedCell) -> int | None:
    """Return where a trial stops that is worse than three others at every step."""
    brackets = Brackets(cell.objective, cell.budget, cell.steps)
    sign = 1 if cell.objective.mode == "max" else -1
    for trial, value in (("a", 0.9), ("b", 0.8), ("c", 0.7), ("bad", 0.1)):
        brackets.add(trial)
        for step in range(1, cell.steps + 1):
            if brackets.stops(trial, step, sign * value) and trial == "bad":
                return step
    return None


def test_coop_lvt_on_twins_stops_at_half_as_the_paper_s_steps_do(locations: Locations) -> None:
    cell, planned = _searches("coop_lvt", locations, "twin")[0]
    every = (cell.recipe.config.checkpoint_every, planned.config.checkpoint_every)
    first = ((cell.budget.grace_steps - 1) * every[0], (planned.budget.grace_steps - 1) * every[1])
    assert (first[0], cell.recipe.config.steps - 1) == (2400, 5000)
    assert (first[1], planned.config.steps - 1) == (40, 80)


def test_what_is_not_scaled_keeps_the_budget_of_the_study(locations: Locations) -> None:
    plan = make_plan(Selection(study="demo", recipe="search"), locations)
    grace = {cell.key: cell.budget.grace_steps for cell in plan.study.cells()}
    sampled = [cell for cell in plan.cells if cell.recipe == "search"]
    assert sampled
    assert all(cell.budget.grace_steps == grace[cell.name] for cell in sampled)
