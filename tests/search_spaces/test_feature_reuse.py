"""The study of Matsoukas et al. (CVPR 2022): its cells, settings, and what follows from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from orchestrator.plan import make_plan
from orchestrator.selection import Selection
from search_spaces.derived import Run
from search_spaces.feature_reuse import STUDY, derived, recipes
from search_spaces.feature_reuse.grid import FRACTION, MODEL
from search_spaces.medical_sets import DATASET
from search_spaces.study import Cell, cell_key
from trainables import classify
from trainables.context import Locations

CELLS = {cell.key: cell for cell in STUDY.cells()}


def _cell(experiment: str, **levels: str) -> Cell:
    return CELLS[cell_key(experiment, tuple(levels.items()))]


def _training(experiment: str, **levels: str) -> classify.Config:
    config = _cell(experiment, **levels).recipe.config
    assert isinstance(config, classify.Config)
    return config


def test_every_experiment_has_the_cells_of_the_paper() -> None:
    assert Counter(cell.experiment for cell in CELLS.values()) == {
        "main": 4 * 5 * 3,
        # -2 to 12 of both transformers, to 5 of Inception, to 4 of ResNet50
        "depth": (15 + 15 + 8 + 7) * 5,
        "knn": 4 * 5 * 3 * 2,
        "layer_importance": 60,
        "l2": 60,
        "cka": 60,
        "cka_wt_st": 20,
        "capacity": 7 * 3 * 3 - 3,
        # 1 % of APTOS2019 is less than a batch
        "data_fraction": 2 * 3 * 3 * 6 - 2 * 3,
        "lr_finder": 60,
        "fid": 5,
    }


def test_the_three_initialisations_differ_in_weights_and_rate_only() -> None:
    ri, st, wt = (
        _training("main", model="swin_t", dataset="ddsm", init=init) for init in ("ri", "st", "wt")
    )
    assert [c.backbone.weights == "random" for c in (ri, st, wt)] == [True, False, False]
    assert [c.backbone.transfer_level for c in (ri, st, wt)] == [None, -2, None]
    assert [c.optimizer.lr for c in (ri, st, wt)] == [3e-4, 1e-4, 1e-4]
    rest = {"backbone", "optimizer"}
    for name in set(classify.Config.__dataclass_fields__) - rest:
        assert getattr(ri, name) == getattr(st, name) == getattr(wt, name), name


def test_settings_are_those_of_the_released_code_and_the_paper() -> None:
    config = _training("main", model="deit_s", dataset="chexpert", init="wt")
    assert (config.batch_size, config.drop_last, config.clip_norm) == (64, True, 1.0)
    schedule = config.schedule
    assert (schedule.name, schedule.warmup_steps, schedule.warmup_overshoot) == (
        "plateau",
        1000,
        True,
    )
    assert (schedule.factor, schedule.patience, schedule.stop_below_lr) == (0.1, 3, 1e-6)
    assert (config.channels, config.normalisation, config.selection) == (
        "native",
        "dataset",
        "paper",
    )
    assert round(224 / config.crop_fraction) == 256
    assert config.keep_initial, "the analyses compare with it"
    for model in MODEL.levels:
        optimizer = _training("main", model=model, dataset="ddsm", init="ri").optimizer
        assert optimizer.name == ("adamw" if model in ("deit_s", "swin_t") else "adam")
        assert optimizer.weight_decay == 1e-5


@pytest.mark.parametrize(("model", "last"), [("deit_s", 12), ("swin_t", 12), ("resnet50", 4)])
def test_the_ends_of_the_depth_study_are_cells_of_the_main_table(model: str, last: int) -> None:
    for level, init in ((-2, "st"), (last, "wt")):
        end = _cell("depth", model=model, dataset="camelyon", level=str(level)).recipe
        assert end == _cell("main", model=model, dataset="camelyon", init=init).recipe
    inner = _training("depth", model=model, dataset="camelyon", level="1")
    assert inner.backbone.transfer_level == 1


def test_capacity_and_data_fraction_share_cells_with_the_main_table() -> None:
    main = _cell("main", model="resnet50", dataset="isic2019", init="st").recipe
    assert _cell("capacity", model="resnet50", dataset="isic2019", init="st").recipe == main
    whole = _cell("data_fraction", model="resnet50", dataset="isic2019", init="st", fraction="1.0")
    assert whole.recipe == main


def test_every_analysis_needs_the_cell_that_was_trained_the_same_way() -> None:
    knn = _cell("knn", model="deit_s", dataset="ddsm", init="st", state="initial").recipe
    key = cell_key(knn.needs["model"].experiment, knn.needs["model"].levels)
    assert key == "main/model=deit_s/dataset=ddsm/init=st"
    cross = _cell("cka_wt_st", model="deit_s", dataset="ddsm").recipe.needs
    assert [dict(cross[name].levels)["init"] for name in ("model", "other")] == ["wt", "st"]
    for cell in CELLS.values():
        for ref in cell.recipe.needs.values():
            assert cell_key(ref.experiment, ref.levels) in CELLS


def test_the_rate_finder_is_a_grid_of_25_rates_from_1e_5_to_1e_2() -> None:
    recipe = _cell("lr_finder", model="swin_t", dataset="ddsm", init="wt").recipe
    (rates,) = (param.values for param in recipe.space.values())  # type: ignore[union-attr]
    np.testing.assert_allclose(rates, np.logspace(-5, -2, 25), rtol=1e-3)
    assert recipe.grid
    assert (recipe.config.epochs, recipe.config.schedule.name, recipe.steps) == (5, "constant", 5)


def test_published_numbers_stand_beside_ours() -> None:
    tables = {e.name: e.published for e in STUDY.experiments}
    assert tables["main"][("deit_s", "isic2019", "wt")].value == 0.844
    assert len(tables["main"]) == 2 * 2 * 3
    assert tables["fid"][("camelyon",)].value == 202.0
    gains = {d.name: d.published for d in STUDY.derived}["feature_reuse_gain_minmax"]
    assert len(gains) == 20
    assert gains[("resnet50", "camelyon")].value == 0.005


def test_gains_follow_from_the_means_of_the_three_initialisations() -> None:
    means = {
        ("a", "x", "ri"): 0.4,
        ("a", "x", "st"): 0.6,
        ("a", "x", "wt"): 0.8,
        ("b", "x", "ri"): 0.5,
        ("b", "x", "st"): 0.9,
        ("b", "x", "wt"): 0.9,
        ("c", "x", "ri"): 0.5,
        ("c", "x", "wt"): 1.0,
    }
    assert derived.relative_increase(means) == pytest.approx(
        {("a", "x"): 2.0, ("b", "x"): 1.8, ("c", "x"): 2.0}
    )
    # (WT - ST) / WT is 0.25 and 0; c has no ST.
    assert derived.feature_reuse(means) == pytest.approx({("a", "x"): 1.0, ("b", "x"): 0.0})
    assert derived.feature_reuse({}) == {}


def test_a_metric_of_zero_or_less_makes_no_ratio() -> None:
    means = {("a", "x", init): value for init, value in (("ri", -0.1), ("st", 0.1), ("wt", 0.2))}
    means |= {("b", "x", init): value for init, value in (("ri", 0.1), ("st", 0.1), ("wt", -0.2))}
    assert all(np.isnan(v) for v in derived.relative_increase(means).values())
    assert np.isnan(derived.feature_reuse(means)[("b", "x")])


def test_convergence_is_the_first_epoch_at_95_percent_of_the_best() -> None:
    def epochs(*values: float) -> float:
        steps = tuple(range(1, len(values) + 1))
        run = Run(value=0.0, steps=steps, values=values, params={}, metrics={})
        return derived.epochs_to_converge(run)

    assert epochs(0.1, 0.949, 0.96, 1.0, 0.5) == 3
    assert epochs(float("nan"), 0.5) == 2
    assert np.isnan(epochs(float("nan")))


def _locations(folder: Path) -> Locations:
    return Locations(data=folder / "data", weights=folder / "weights", store=folder / "store")


@pytest.mark.parametrize("scale", ["twin", "smoke"])
def test_every_cell_can_run_on_twins_but_the_smallest_fractions(scale: str, tmp_path: Path) -> None:
    selection = Selection(study="feature_reuse", recipe="paper", **{scale: True})  # type: ignore[arg-type]
    plan = make_plan(selection, _locations(tmp_path))
    assert not plan.problems
    left_out = set(plan.skipped)
    small = {level for level in FRACTION.levels if float(level) < recipes.TWIN_LEAST_FRACTION}
    assert all(key.startswith("data_fraction/") for key in left_out)
    assert {key.rpartition("=")[2] for key in left_out} == small
    placed = {place.key for cell in plan.cells for place in cell.places}
    assert placed | left_out == set(CELLS)


def test_what_is_missing_is_said_once_each(tmp_path: Path) -> None:
    plan = make_plan(Selection(study="feature_reuse"), _locations(tmp_path))
    text = "\n".join(plan.problems)
    for name in DATASET.levels:
        assert text.count(f"data set '{name}' is not prepared") == 1
    for model in ("deit_s", "swin_t", "inception_v3", "resnet50", "deit_s5", "resnet152"):
        assert f"of '{model}'" in text
