"""What figures and derived tables may not say is refused when a study is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from search_spaces.derived import Derived
from search_spaces.figures import (
    ExperimentFigure,
    FactorCurves,
    GainScatter,
    HeatMaps,
    LayerCurves,
)
from search_spaces.study import Experiment, Factor, Published, Study
from trainables.errors import ConfigError, SelectionError

MODEL = Factor(name="model", levels=("vit", "cnn"))
DATASET = Factor(name="dataset", levels=("skin", "eye"))
CURVES = FactorCurves(name="c", title="", x="model", panels=("dataset",))


def experiment(*figures: ExperimentFigure) -> Experiment:
    return Experiment(
        name="main",
        title="",
        factors=(MODEL, DATASET),
        configure=lambda _: None,
        figures=figures,
    )


def derived(**more: Any) -> Derived:
    parts = {"name": "gain", "title": "", "experiment": "main", "factors": (MODEL, DATASET)}
    return Derived(**{**parts, "compute": lambda means: means, **more})  # type: ignore[arg-type]


def scatter(**more: Any) -> GainScatter:
    parts = {"name": "s", "title": "", "x": {"skin": 10.0}, "y": "main", "size": "gain"}
    parts |= {"colour": "gain", "panels": "model", "points": "dataset"}
    return GainScatter(**{**parts, **more})  # type: ignore[arg-type]


def study(*tables: Derived, figures: tuple[GainScatter, ...] = ()) -> Study:
    return Study(
        name="s",
        title="",
        paper="",
        experiments=(experiment(CURVES),),
        derived=tables,
        figures=figures,
    )


def test_a_figure_knows_the_factors_it_names() -> None:
    assert CURVES.factors == ("model", "dataset")
    layers = LayerCurves(name="l", title="", family="knn", lines=("model",), panels=("dataset",))
    assert layers.factors == ("model", "dataset")
    assert study(derived(), figures=(scatter(),)).figures[0].y == "main"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: experiment(FactorCurves(name="c", title="", x="modle")),
            "figure 'c': experiment 'main' has no factor 'modle'. Did you mean 'model'",
        ),
        (lambda: experiment(CURVES, CURVES), r"figures need distinct names, got \['c', 'c'\]"),
        (
            lambda: experiment(FactorCurves(name="c", title="", x="model", lines="model")),
            "uses a factor twice",
        ),
        (
            lambda: LayerCurves(name="l", title="", family="f", panels=("a", "b", "c")),
            "panels are rows and columns",
        ),
        (lambda: HeatMaps(name="h", title="", artifact="a.json", matrices=()), "names no matrix"),
        (lambda: scatter(x={"skin": 0}), "values of x must be above 0"),
        (lambda: derived(factors=(MODEL, MODEL)), "needs distinct factors"),
        (lambda: derived(columns=("init",)), "column 'init' is no factor"),
        (
            lambda: derived(published={("vit", "lung"): Published(value=1.0, source="")}),
            r"published \('vit', 'lung'\) is not in the grid",
        ),
        (lambda: study(derived(name="main")), "experiments need distinct names"),
        (
            lambda: study(derived(), figures=(scatter(size="gian"),)),
            "has no derived table 'gian'. Did you mean 'gain'",
        ),
        (
            lambda: study(derived(factors=(MODEL,)), figures=(scatter(),)),
            "derived table 'gain' needs the factors 'model' and 'dataset'",
        ),
        (
            lambda: study(derived(), figures=(scatter(points="init"),)),
            "experiment 'main' has no factor 'init'",
        ),
    ],
    ids=range(13),
)
def test_what_a_study_may_not_draw_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_table_derived_from_nothing_is_refused() -> None:
    with pytest.raises(SelectionError, match=r"no experiment 'mian'\. Did you mean 'main'"):
        study(derived(experiment="mian"))
