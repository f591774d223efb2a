"""Batches that workers cannot share equally are refused before a trial is started."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from local_executor import toy_plan

from orchestrator.equal_shares import require_equal_shares
from orchestrator.estimate import estimate
from orchestrator.plan import Plan, make_plan
from orchestrator.selection import Selection
from orchestrator.settings import Settings
from search_spaces.space import Choice, IntRange, Param
from trainables.context import Locations
from trainables.errors import ResourceError
from trainables.registry import TRAINABLES, load_trainable


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A cell of domain generalisation on twins, whose batches are of 8 pictures."""
    folder = tmp_path_factory.mktemp("plan")
    only = {"experiment": ("table1",), "method": ("erm_resnet50",), "test_domain": ("aptos",)}
    places = Locations(data=folder, weights=folder, store=folder)
    return make_plan(Selection(study="coop_lvt", only=only, twin=True), places)


def _searched(plan: Plan, param: Param) -> Plan:
    cells = [
        dataclasses.replace(cell, recipe="search", space={"batch_size": param})
        for cell in plan.cells
    ]
    return dataclasses.replace(plan, cells=tuple(cells))


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_a_batch_that_divides_is_taken(domains: Plan, workers: int) -> None:
    require_equal_shares(domains, workers)


@pytest.mark.parametrize(("workers", "near"), [(3, 9), (5, 10), (16, 16)])
def test_one_that_does_not_is_refused_with_one_that_would(
    domains: Plan, workers: int, near: int
) -> None:
    with pytest.raises(ResourceError, match=rf"batch_size may be 8.*--set batch_size={near}\b"):
        require_equal_shares(domains, workers)


@pytest.mark.parametrize(
    ("param", "first"), [(IntRange(low=8, high=45, log=True), 9), (Choice(values=(16, 10, 7)), 7)]
)
def test_every_size_that_a_search_may_ask_for_counts(
    domains: Plan, param: Param, first: int
) -> None:
    searched = _searched(domains, param)
    require_equal_shares(searched, 1)
    with pytest.raises(ResourceError, match=f"may be {first},"):
        require_equal_shares(searched, 2)


def test_the_paper_s_recipe_searches_nothing(domains: Plan) -> None:
    (cell,) = _searched(domains, IntRange(low=8, high=45)).cells
    paper = dataclasses.replace(cell, recipe="paper")
    require_equal_shares(dataclasses.replace(domains, cells=(paper,)), 2)


def test_planning_refuses_too(domains: Plan, tmp_path: Path) -> None:
    settings = Settings(storage=tmp_path, workers_per_trial=3, cpus_per_worker=0.1)
    with pytest.raises(ResourceError, match="cannot share equally"):
        estimate(domains, settings)


def test_what_is_not_shared_equally_is_not_looked_at(locations: Locations) -> None:
    require_equal_shares(toy_plan(locations), 7)


def test_what_is_named_is_a_key() -> None:
    named = {
        name: getattr(load_trainable(name).Config, "shared_equally", ()) for name in TRAINABLES
    }
    assert {name for name, keys in named.items() if keys} == {"align", "generalise"}
    for name, keys in named.items():
        assert set(keys) <= {
            field.name for field in dataclasses.fields(load_trainable(name).Config)
        }
