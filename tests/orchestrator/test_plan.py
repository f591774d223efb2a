"""Plans: identities, twins, overrides, and everything that can be refused before a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from local_executor import toy_plan

from orchestrator.plan import PlanError, make_plan
from orchestrator.selection import Selection, parse_only, parse_overrides
from trainables.config import BackboneRef, DataRef
from trainables.context import Locations
from trainables.errors import ConfigError, SelectionError


def _ids(locations: Locations, **selection: object) -> list[str]:
    return [cell.id for cell in toy_plan(locations, **selection).cells]


def test_an_identity_does_not_depend_on_where_things_are(
    locations: Locations, tmp_path: Path
) -> None:
    elsewhere = Locations(
        data=tmp_path / "x", weights=tmp_path / "y", store=tmp_path / "z", hub="online"
    )
    assert _ids(locations) == _ids(elsewhere)


def test_an_identity_does_not_depend_on_the_budget_but_on_recipe_and_config(
    locations: Locations,
) -> None:
    main = {"only": {"experiment": ("main",)}}
    base = _ids(locations, **main)
    assert _ids(locations, **main, search_trials=50, replicates=9) == base
    assert not set(base) & set(_ids(locations, **main, recipe="paper"))
    assert not set(base) & set(_ids(locations, **main, overrides={"x": "0.25"}))


def test_a_dependent_cell_has_another_identity_when_what_it_needs_has(
    locations: Locations,
) -> None:
    after = {"only": {"experiment": ("after",), "name": ("a",)}}
    one = toy_plan(locations, **after).cells
    two = toy_plan(locations, **after, recipe="paper").cells
    assert one[-1].config == two[-1].config
    assert one[-1].id != two[-1].id


def test_an_override_is_typed_and_takes_the_key_out_of_the_search(locations: Locations) -> None:
    (cell,) = toy_plan(
        locations, only={"experiment": ("main",), "name": ("a",)}, overrides={"x": "2e-1"}
    ).cells
    assert cell.config.x == 0.2
    assert cell.space == {}
    assert cell.recipe == "paper", "nothing is left to search"


def test_what_a_changed_config_does_without_is_not_searched(locations: Locations) -> None:
    probes = {"study": "demo", "only": {"method": ("linear_probe",), "target": ("same_camera",)}}
    searched = make_plan(Selection(**probes), locations).cells  # type: ignore[arg-type]
    assert all(list(cell.space) == ["inverse_l2"] for cell in searched)
    path = Selection(**probes, overrides={"fit": "path"})  # type: ignore[arg-type]
    for cell in make_plan(path, locations).cells:
        assert (cell.recipe, cell.space, cell.search_trials) == ("paper", {}, 0)
    other = Selection(**probes, overrides={"max_iter": "900"})  # type: ignore[arg-type]
    assert all("inverse_l2" in cell.space for cell in make_plan(other, locations).cells)


@pytest.mark.parametrize("milestones_first", [False, True])
def test_overrides_that_need_each_other_are_applied_together(
    locations: Locations, milestones_first: bool
) -> None:
    pairs = [("schedule.name", "multi_step"), ("schedule.milestones", "[7]")]
    (cell, *_) = make_plan(
        Selection(
            study="demo",
            only={"method": ("fine_tune",), "target": ("same_camera",)},
            overrides=dict(reversed(pairs) if milestones_first else pairs),
        ),
        locations,
    ).cells
    assert (cell.config.schedule.name, cell.config.schedule.milestones) == ("multi_step", (7,))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"stesp": "3"}, "--set stesp: no cell has this key. Did you mean 'steps'"),
        ({"steps": "many"}, "--set steps=many: .*valid integer"),
    ],
)
def test_a_wrong_override_is_named(
    locations: Locations, overrides: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        toy_plan(locations, overrides=overrides)


def test_missing_weights_are_all_listed_before_anything_starts(locations: Locations) -> None:
    plan = make_plan(
        Selection(
            study="demo",
            only={"target": ("same_camera",), "weights": ("imagenet",)},
            overrides={"backbone.card": "dinov2_vit_b14", "backbone.weights": "lvd142m"},
        ),
        locations,
    )
    with pytest.raises(PlanError) as refused:
        plan.require_runnable()
    assert "'lvd142m' of 'dinov2_vit_b14' are not here" in str(refused.value)
    assert str(locations.weights / "dinov2_vit_b14") in str(refused.value)
    assert str(refused.value).count("are not here") == 1, "one line per missing thing, not per cell"
    assert len(plan.waiting) == 3
    assert not plan.cells


def test_what_needs_a_waiting_cell_waits_too(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = BackboneRef(card="deit_s", weights="imagenet1k")
    monkeypatch.setattr(
        "orchestrator.plan.references",
        lambda config: ([], [absent] if config.name == "a" else []),
    )
    plan = toy_plan(locations)
    assert plan.waiting == ("main/name=a/shown=score", "main/name=a/shown=other", "after/name=a")
    assert not plan.skipped
    assert [cell.config.name for cell in plan.cells] == ["b", "after b"]


def test_absent_optional_data_leaves_cells_out_with_a_reason(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainables.data import cards

    real = cards.reference_status

    def absent(ref: DataRef, where: Locations) -> cards.DataStatus:
        status = real(ref, where)
        if ref.name != "fashion_mnist":
            return status
        return dataclasses.replace(status, present=False, reason="not installed")

    monkeypatch.setattr("orchestrator.plan.reference_status", absent)
    plan = make_plan(Selection(study="demo"), locations)
    assert set(plan.skipped.values()) == {"not installed"}
    assert len(plan.skipped) == 6
    assert not plan.problems
    only = make_plan(Selection(study="demo", only={"target": ("fashion",)}), locations)
    with pytest.raises(PlanError, match="nothing is left to run"):
        only.require_runnable()


def test_absent_weights_stand_in_the_way_of_cells_with_optional_data_too(
    locations: Locations,
) -> None:
    plan = make_plan(
        Selection(
            study="demo",
            only={"target": ("fashion",), "method": ("knn",)},
            overrides={"backbone.card": "deit_s", "backbone.weights": "imagenet1k"},
        ),
        locations,
    )
    assert any("'imagenet1k' of 'deit_s' are not here" in problem for problem in plan.problems)
    assert not any("deit_s" in reason for reason in plan.skipped.values())


def test_twins_replace_data_and_backbones(locations: Locations) -> None:
    plan = make_plan(Selection(study="demo", twin=True), locations)
    cards = {(w["card"], w["kind"]) for cell in plan.cells for w in cell.weights}
    assert cards == {("efficientnet_lite0_twin", "twin"), ("efficientnet_lite0_twin", "random")}
    assert {d["kind"] for cell in plan.cells for d in cell.data} == {"synthetic"}
    assert all("fashion" in key for key in plan.skipped)


def test_a_selection_survives_json_and_the_command_line() -> None:
    selection = Selection(
        study="demo",
        only={"method": ("knn", "fine_tune")},
        recipe="paper",
        replicates=2,
        twin=True,
        overrides={"k": "3"},
        sampler="random",
    )
    assert Selection.from_json(selection.to_json()) == selection
    assert " ".join(selection.to_arguments()) == (
        "demo --only method=knn,fine_tune --recipe paper --replicates 2 --twin --set k=3 "
        "--sampler random"
    )


@pytest.mark.parametrize("text", ["method", "=knn", "method=", "method=,"])
def test_only_has_one_form(text: str) -> None:
    with pytest.raises(SelectionError, match="factor=level"):
        parse_only([text])


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(SelectionError, match="given twice"):
        parse_only(["a=b", "a=c"])
    with pytest.raises(ConfigError, match="given twice"):
        parse_overrides(["a=1", "a=2"])
    with pytest.raises(ConfigError, match="key=value"):
        parse_overrides(["a"])
