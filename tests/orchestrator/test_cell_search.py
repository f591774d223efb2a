"""One cell's search: what Optuna suggests, and what it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from toy_package.toy_trainable import Config

from orchestrator.queue.cell_search import CellSearch
from orchestrator.selection import SamplerName
from search_spaces.space import Choice, FloatRange, IntRange, Space, size

SAMPLERS: list[SamplerName] = ["tpe", "random", "qmc"]
FLOAT: Space = {"x": FloatRange(low=0.0, high=1.0)}
FINITE: Space = {"steps": IntRange(low=1, high=3), "name": Choice(values=("a", "b"))}


def _search(
    sampler: SamplerName = "tpe",
    space: Space = FLOAT,
    base: Config | None = None,
    mode: str = "max",
) -> CellSearch:
    return CellSearch(cell="c", space=space, mode=mode, sampler=sampler, base=base or Config(x=0.9))


def _step(search: CellSearch, i: int) -> dict[str, Any]:
    """Ask, run and finish one trial."""
    params = search.ask()
    search.bind(f"t{i}")
    _finish(search, i, params)
    return params


def _finish(search: CellSearch, i: int, params: dict[str, Any]) -> None:
    value = -((float(params.get("x", params.get("steps", 0.0))) - 0.3) ** 2)
    search.report(f"t{i}", 1, value)
    search.tell(f"t{i}", "complete", value)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("space", [FLOAT, FINITE], ids=["float", "finite"])
def test_a_search_rebuilt_from_its_history_goes_on_the_same(
    sampler: SamplerName, space: Space
) -> None:
    base = Config(x=0.9, steps=2)
    whole = _search(sampler, space, base)
    asked = [_step(whole, i) for i in range(6)]
    for cut in (1, 4):
        again = _search(sampler, space, base)
        for i, params in enumerate(asked[:cut]):
            # The way through the ledger.
            again.adopt(f"t{i}", json.loads(json.dumps(params)))
            _finish(again, i, params)
        assert [_step(again, i) for i in range(cut, 6)] == asked[cut:]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("finish", [True, False], ids=["one_by_one", "all_at_once"])
def test_every_point_of_a_small_space_is_tried_once(sampler: SamplerName, finish: bool) -> None:
    search = _search(sampler, FINITE, Config(steps=2))
    seen = set()
    for i in range(int(size(FINITE))):
        params = search.ask()
        search.bind(f"t{i}")
        if finish:
            _finish(search, i, params)
        seen.add(tuple(params.values()))
    assert len(seen) == 6


def test_the_papers_values_come_first_if_the_space_has_them() -> None:
    assert _search().ask() == {"x": 0.9}
    outside = _search(base=Config(x=5.0)).ask()["x"]
    assert 0 <= outside <= 1


def test_the_papers_values_come_first_also_where_one_of_them_is_outside() -> None:
    first = _search(space={**FLOAT, **FINITE}, base=Config(x=0.9, steps=7, name="b")).ask()
    assert (first["x"], first["name"]) == (0.9, "b")
    assert 1 <= first["steps"] <= 3


def test_cells_differ_in_what_they_are_suggested() -> None:
    one, other = _search(base=Config(x=5.0)), _search(base=Config(x=5.0))
    other._cell = "another"
    assert one.ask() != other.ask()


def test_optuna_is_told_how_each_trial_ended() -> None:
    search = _search()
    for i, (state, value) in enumerate([("complete", 0.5), ("pruned", 0.2), ("failed", None)]):
        search.ask()
        search.bind(f"t{i}")
        if value is not None:
            search.report(f"t{i}", 1, value)
        search.report(f"t{i}", 2, float("nan"))
        search.tell(f"t{i}", state, value)  # type: ignore[arg-type]
    told = [(t.state.name, t.value, t.intermediate_values) for t in search.study.trials]
    assert told == [
        ("COMPLETE", 0.5, {1: 0.5}),
        ("PRUNED", 0.2, {1: 0.2}),
        ("FAIL", None, {}),
    ]


def test_tpe_finds_better_values_than_chance_and_minimises_when_asked() -> None:
    search = _search(mode="min", base=Config(x=1.0))
    for i in range(25):
        params = search.ask()
        search.bind(f"t{i}")
        search.tell(f"t{i}", "complete", (params["x"] - 0.3) ** 2)
    later = [abs(t.params["x"] - 0.3) for t in search.study.trials[15:]]
    # Uniform suggestions lie 0.29 away on average.
    assert sum(later) / len(later) < 0.2


def test_sizes_of_spaces() -> None:
    assert size({}) == 1
    assert size(FINITE) == 6
    assert size({**FINITE, **FLOAT}) == float("inf")
