"""The study of Poudel et al. (MIDL 2024): its cells, what they run, and what follows."""

from __future__ import annotations

import csv
from collections import Counter
from importlib.resources import files

import pytest

from orchestrator.plan import make_plan
from orchestrator.selection import Selection
from search_spaces.medvlsm import STUDY, published
from search_spaces.medvlsm.derived import best_of_endoscopy, best_prompt, mean_prompt
from search_spaces.medvlsm.grid import CNNS, POLYPS, TEXT_MODELS, TRAINED, prompt_types
from search_spaces.medvlsm.recipes import SWEEPS
from search_spaces.medvlsm.scaled import TWIN_EPOCHS
from search_spaces.space import Choice, FloatRange
from search_spaces.study import Cell, cell_key
from trainables import segment, segment_transfer, segment_zero_shot
from trainables.context import Locations
from trainables.models.segmenter_cards import get_segmenter_card

CELLS = {cell.key: cell for cell in STUDY.cells()}


def _cell(experiment: str, **levels: str) -> Cell:
    return CELLS[cell_key(experiment, tuple(levels.items()))]


def _training(model: str, dataset: str = "camus", prompt: str = "p1") -> segment.Config:
    config = _cell("finetune", model=model, dataset=dataset, prompt=prompt).recipe.config
    assert isinstance(config, segment.Config)
    return config


def _counted(experiment: str) -> Counter[str]:
    of = (cell for cell in CELLS.values() if cell.experiment == experiment)
    return Counter(dict(cell.levels)["model"] for cell in of)


def test_each_model_that_reads_text_is_trained_83_times() -> None:
    individual, pooled = _counted("finetune"), _counted("pooled_training")
    assert individual == dict.fromkeys(TEXT_MODELS, 72)
    assert {model: pooled[model] for model in TEXT_MODELS} == dict.fromkeys(TEXT_MODELS, 11)
    assert {model: pooled[model] for model in CNNS} == dict.fromkeys(CNNS, 2)


def test_zero_shot_has_the_same_cells_and_the_three_sets_that_are_only_tested_on() -> None:
    assert _counted("zero_shot") == {"clipseg": 83 + 30, "cris": 83 + 30}


def test_each_model_has_150_evaluations_across_sets() -> None:
    assert _counted("cross") == dict.fromkeys(TEXT_MODELS, 150)
    for cell in CELLS.values():
        levels = dict(cell.levels)
        if cell.experiment == "cross":
            (need,) = cell.recipe.needs.values()
            trained = CELLS[cell_key(need.experiment, need.levels)].recipe.config
            assert trained.data.name == levels["train"] != cell.recipe.config.data.name
            assert trained.prompt == cell.recipe.config.prompt


def test_cnns_are_trained_for_each_structure_of_the_sets_with_several() -> None:
    assert _counted("cnn_structures") == dict.fromkeys(CNNS, 3 + 2 + 10)
    assert _counted("cnn_individual") == dict.fromkeys(CNNS, 8)
    camus = _cell("cnn_individual", model="unet", dataset="camus").recipe
    assert set(camus.needs) == {"ventricle", "myocardium", "atrium"}
    assert isinstance(camus.config, segment_transfer.Config)
    kvasir = _cell("cnn_individual", model="unet", dataset="kvasir_polyp").recipe
    assert isinstance(kvasir.config, segment.Config)


def test_prompt_types_are_those_of_each_set() -> None:
    counts = {name: len(prompt_types(name)) for name in (*TRAINED, "pooled_polyp", "pooled_all")}
    assert counts == {
        "kvasir_polyp": 10, "clinicdb_polyp": 10, "bkai_polyp": 10, "isic2016": 10, "dfu": 10,
        "camus": 8, "busi": 7, "chexlocalize": 7, "pooled_polyp": 10, "pooled_all": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "lr", "batch_size", "threshold", "size_px"),
    [
        ("clipseg", 2e-3, 128, 0.5, 352),
        ("biomed_clipseg", 2e-3, 128, 0.5, 224),
        ("biomed_clipseg_d", 2e-3, 128, 0.5, 224),
        ("cris", 2e-5, 32, 0.35, 416),
    ],
)
def test_models_that_read_text_have_the_values_of_the_launch_scripts(
    model: str, lr: float, batch_size: int, threshold: float, size_px: int
) -> None:
    config = _training(model)
    spec = config.spec(seed=0)
    assert (spec.threshold, spec.image_size_px) == (threshold, size_px)
    assert (config.optimizer.name, config.optimizer.lr) == ("adamw", lr)
    assert (config.optimizer.weight_decay, config.decay) == (1e-3, "all")
    assert (config.batch_size, config.precision, config.clip_norm) == (batch_size, "fp16", 0.5)
    assert (config.loss.name, config.mask_mode) == ("dice_ce", "raw")
    assert (config.schedule.name, config.schedule.factor) == ("epoch_plateau", 0.1)
    assert (config.schedule.patience, config.schedule.plateau_on) == (5, "loss")
    stopping = config.early_stopping
    assert stopping is not None
    assert (stopping.patience, stopping.min_delta, stopping.min_epochs) == (20, 1e-4, 10)
    assert config.epochs == 1000


def test_cnns_have_the_values_of_the_launch_scripts() -> None:
    config = _cell("cnn_individual", model="unetpp", dataset="dfu").recipe.config
    assert (config.optimizer.name, config.optimizer.lr) == ("adam", 1e-3)
    assert (config.optimizer.weight_decay, config.batch_size) == (0, 16)
    assert (config.schedule.name, config.loss.name) == ("constant", "tuned_dice")
    assert config.spec(seed=0).image_size_px == 256


def test_the_pooled_cnn_has_17_channels_in_the_published_order() -> None:
    cell = _cell("pooled_training", model="unet", pool="pooled_all", prompt="none")
    channels = cell.recipe.config.channels
    assert list(channels) == [
        "polyp", "foot_ulcer", "skin_cancer", "ventricle", "myocardium", "atrium", "tumor",
        "airspace_opacity", "atelectasis", "cardiomegaly", "consolidation", "edema",
        "enlarged_cardiomediastinum", "lung_lesion", "pleural_effusion", "pneumothorax",
        "support_devices",
    ]  # fmt: skip
    assert set(channels["tumor"]) == {"tumor", "benign", "malignant", "normal"}
    endoscopy = _cell("pooled_training", model="unet", pool="pooled_polyp", prompt="none")
    assert endoscopy.recipe.config.channels == {}


def test_the_cnn_of_all_structures_at_once_is_trained_once_for_four_numbers() -> None:
    recipes = {
        dict(cell.levels)["structure"]: cell.recipe
        for cell in CELLS.values()
        if cell.experiment == "cnn_multiclass" and dict(cell.levels)["model"] == "unet"
    }
    assert {structure: recipe.metric for structure, recipe in recipes.items()} == {
        "ventricle": "test/class/ventricle/dice",
        "myocardium": "test/class/myocardium/dice",
        "atrium": "test/class/atrium/dice",
        "all": "test/dice",
    }
    config = recipes["all"].config
    assert all(recipe.config == config for recipe in recipes.values())
    assert config.channels == {
        "background": (), "ventricle": ("ventricle",), "myocardium": ("myocardium",),
        "atrium": ("atrium",),
    }  # fmt: skip
    assert (config.spec(seed=0).background, config.loss.name) == (0, "tuned_dice")


def test_pooled_models_are_tested_on_each_set_alone() -> None:
    tested = Counter(
        (levels["model"], levels["pool"], levels["prompt"])
        for levels in (dict(c.levels) for c in CELLS.values() if c.experiment == "pooled")
    )
    assert tested["clipseg", "pooled_polyp", "p3"] == len(POLYPS) == 6
    assert tested["unet", "pooled_all", "none"] == tested["cris", "pooled_all", "random"] == 11 + 1


def test_the_tumours_of_a_pooled_model_are_another_number_of_the_same_run() -> None:
    levels = {"model": "cris", "pool": "pooled_all", "prompt": "random"}
    busi, tumours = (
        _cell("pooled", **dict(list(levels.items())[:2]), dataset=name, prompt="random").recipe
        for name in ("busi", "busi_tumours")
    )
    assert (busi.config, busi.needs) == (tumours.config, tumours.needs)
    assert (busi.metric, tumours.metric) == ("test/dice", "test/dice_nonempty")


def test_sets_without_validation_cases_are_not_selected_on() -> None:
    for name in ("cvc300_polyp", "colondb_polyp", "etis_polyp"):
        recipe = _cell("zero_shot", model="clipseg", dataset=name, prompt="p1").recipe
        assert isinstance(recipe.config, segment_zero_shot.Config)
        assert recipe.objective.metric == "val/cases"


def test_the_released_sweep_is_linear_and_misses_the_rate_in_use() -> None:
    space = SWEEPS["published"]
    assert space["optimizer.lr"] == FloatRange(low=1e-6, high=1e-3)
    assert space["batch_size"] == Choice(values=(16, 32, 64, 128))
    assert _training("clipseg").optimizer.lr > 1e-3
    (cell, _) = (c for c in CELLS.values() if c.experiment == "sweep")
    assert (cell.budget.search_trials, cell.budget.grace_steps) == (20, 1000)


def _rows(table: str) -> list[dict[str, str]]:
    text = (files("search_spaces") / "published" / "medvlsm.csv").read_text(encoding="utf-8")
    return [row for row in csv.DictReader(text.splitlines()) if row["table"] == table]


def test_every_number_of_table_2_is_beside_one_of_ours() -> None:
    ours = (
        published.individual_best(), published.tumours_best(), published.cnn_individual(),
        published.pooled(), published.endoscopy_best(),
    )  # fmt: skip
    own = [r for r in _rows("MIDL 2024 Table 2") if not r["method"].startswith("SOTA")]
    assert sum(map(len, ours)) == len(own) == 125


@pytest.mark.parametrize(
    ("numbers", "levels", "value", "said"),
    [
        (published.individual_best(), ("cris", "kvasir_polyp"), 0.9139, "taken to be the best"),
        (published.tumours_best(), ("clipseg", "busi_tumours"), 0.6432, "without normal"),
        (published.cnn_individual(), ("unet", "busi"), 0.7521, "without normal"),
        (published.pooled(), ("unet", "pooled_all", "kvasir_polyp", "none"), 0.366, "Table 2"),
        (published.pooled(), ("cris", "pooled_all", "etis_polyp", "random"), 0.7593, "Table 2"),
        (published.endoscopy_best(), ("clipseg", "colondb_polyp"), 0.7523, "Table 2"),
        (published.fine_tuned(), ("clipseg", "camus", "p2"), 0.8881, "sibling"),
        (published.fine_tuned(), ("biomed_clipseg", "camus", "p7"), 0.8724, "another pipeline"),
        (published.fine_tuned(), ("clipseg", "isic2016", "p6"), 0.9223, "another pipeline"),
        (published.zero_shot(), ("cris", "dfu", "p7"), 0.1849, "another pipeline"),
        (published.frozen_encoders(), ("cris", "camus", "p0"), 0.2684, "sibling"),
    ],
)
def test_published_numbers_say_what_they_are(
    numbers: published.Numbers, levels: tuple[str, ...], value: float, said: str
) -> None:
    found = numbers[levels]
    assert found.value == pytest.approx(value)
    assert said in found.source
    assert found.error is None, "a deviation over cases is none of runs"


def test_rows_of_the_pooled_cnn_are_doubted_and_no_others() -> None:
    doubted = {levels for levels, value in published.pooled().items() if value.doubt}
    assert {(model, pool) for model, pool, *_ in doubted} == {(m, "pooled_all") for m in CNNS}
    assert len(doubted) == 3 * 11


def test_contaminated_numbers_are_left_out() -> None:
    assert published.fine_tuned()["cris", "camus", "p1"].value == pytest.approx(0.91)
    assert all("540" not in value.source for value in published.fine_tuned().values())


def test_best_and_mean_are_over_all_prompts_of_a_set() -> None:
    means = {("cris", "busi", f"p{i}"): 0.1 * i for i in range(7)}
    means |= {("cris", "camus", f"p{i}"): 0.5 for i in range(7)}  # p7 is missing
    assert best_prompt(means) == {("cris", "busi"): pytest.approx(0.6)}
    assert mean_prompt(means) == {("cris", "busi"): pytest.approx(0.35)}, "without the empty one"


def test_best_of_endoscopy_looks_at_models_pooled_over_endoscopy() -> None:
    means = {("cris", "pooled_polyp", "etis_polyp", f"p{i}"): 0.01 * i for i in range(10)}
    means |= {("cris", "pooled_all", "etis_polyp", "random"): 0.9}
    means |= {("unet", "pooled_polyp", "etis_polyp", "none"): 0.8}
    assert best_of_endoscopy(means) == {("cris", "etis_polyp"): pytest.approx(0.09)}


def test_every_cell_plans_on_twins(locations: Locations) -> None:
    plan = make_plan(Selection(study="medvlsm", twin=True, recipe="paper"), locations)
    plan.require_runnable()
    assert plan.skipped == {}
    for cell in plan.cells:
        assert cell.config.data.name.endswith("_twin")
        assert cell.config.precision == "fp32"
        if isinstance(cell.config, segment.Config):
            assert get_segmenter_card(cell.config.segmenter.card).is_twin
            assert cell.steps == cell.config.epochs == TWIN_EPOCHS


def test_the_smoke_test_touches_every_table_and_model(locations: Locations) -> None:
    plan = make_plan(Selection(study="medvlsm", smoke=True), locations)
    plan.require_runnable()
    touched = {place.experiment for cell in plan.cells for place in cell.places}
    assert touched == {experiment.name for experiment in STUDY.experiments}
    whole = [cell for cell in plan.cells if cell.places[0].experiment == "cnn_multiclass"]
    assert [cell.config.data.limit for cell in whole] == [0] * len(CNNS), "pictures stay whole"
    models = {place.levels.get("model") for cell in plan.cells for place in cell.places}
    assert models >= {*TEXT_MODELS, *CNNS}
