"""Studies: expansion, selection, needs, and what a study file may not say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from toy_package.study import STUDY
from toy_package.toy_trainable import Config

from search_spaces.registry import STUDIES, load_study
from search_spaces.space import Choice, FloatRange, IntRange
from search_spaces.study import Budget, Experiment, Factor, Objective, Published, Recipe, Study
from trainables.errors import ConfigError, SelectionError


def test_a_grid_expands_in_factor_order() -> None:
    keys = [cell.key for cell in STUDY.cells()]
    assert keys == [
        "main/name=a/shown=score",
        "main/name=a/shown=other",
        "main/name=b/shown=score",
        "main/name=b/shown=other",
        "after/name=a",
        "after/name=b",
    ]


def test_only_keeps_levels_and_leaves_out_experiments_without_the_factor() -> None:
    keys = [cell.key for cell in STUDY.cells({"shown": ("other",)})]
    assert keys == ["main/name=a/shown=other", "main/name=b/shown=other"]


def test_only_brings_in_what_a_kept_cell_needs() -> None:
    keys = [cell.key for cell in STUDY.cells({"experiment": ("after",), "name": ("b",)})]
    assert keys == ["main/name=b/shown=score", "after/name=b"]


def test_published_numbers_reach_their_cells() -> None:
    published = {cell.key: cell.published for cell in STUDY.cells() if cell.published}
    assert {key: p.value for key, p in published.items()} == {"main/name=a/shown=score": 0.9}


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ({"nam": ("a",)}, "no factor 'nam'. Did you mean 'name'?"),
        ({"name": ("c",)}, "has no level 'c'. Known: a, b."),
        ({"experiment": ("mian",)}, "has no level 'mian'. Did you mean 'main'?"),
        ({"experiment": ("after",), "shown": ("score",)}, "has no cell with"),
    ],
)
def test_a_wrong_selection_names_what_is_wrong(
    only: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(SelectionError, match=message):
        STUDY.cells(only)


def test_an_unknown_study_is_named_with_the_near_ones() -> None:
    with pytest.raises(SelectionError, match=r"no study 'dmeo'\. Did you mean 'demo'"):
        load_study("dmeo")
    with pytest.raises(SelectionError, match=r"no module 'nowhere\.at_all'"):
        load_study("nowhere.at_all")


def test_an_objective_is_a_validation_metric() -> None:
    with pytest.raises(ConfigError, match="must be a 'val/' metric"):
        Objective(metric="test/accuracy")


def test_published_numbers_must_be_in_the_grid() -> None:
    with pytest.raises(ConfigError, match="not in the grid"):
        Experiment(
            name="e",
            title="",
            factors=(Factor(name="f", levels=("a",)),),
            configure=lambda _: None,
            published={("b",): Published(value=1.0, source="Table 1")},
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda: FloatRange(low=1.0, high=1.0),
        lambda: FloatRange(low=0.0, high=1.0, log=True),
        lambda: IntRange(low=3, high=2),
        lambda: Choice(values=("one",)),
    ],
)
def test_an_empty_range_is_refused(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("name", STUDIES)
def test_every_registered_study_expands_and_its_spaces_name_config_keys(name: str) -> None:
    from trainables.config import flatten

    for cell in load_study(name).cells():
        assert set(cell.recipe.space) <= set(flatten(cell.recipe.config)), cell.key


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Budget(replicates=0), "replicates is at least 1, got 0"),
        (lambda: Budget(reduction=1), "reduction is at least 2, got 1"),
        (lambda: IntRange(low=0, high=3, log=True), "low > 0"),
        (lambda: Choice(values=(1, 1)), "two or more different values"),
        (
            lambda: Recipe(
                config=Config(),
                objective=Objective(metric="val/score"),
                metric="test/score",
                space={"stesp": IntRange(low=1, high=3)},
            ),
            "space has 'stesp', which Config of .* has not. Did you mean 'steps'",
        ),
        (
            lambda: Study(name="s", title="", paper="", experiments=(STUDY.experiments[0],) * 2),
            "experiments need distinct names",
        ),
        (
            lambda: Experiment(
                name="e",
                title="",
                factors=(STUDY.experiments[1].factors[0],) * 2,
                configure=lambda _: None,
            ),
            "factors need distinct names",
        ),
    ],
    ids=range(7),
)
def test_what_a_study_may_not_say_is_refused_when_it_is_written(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
