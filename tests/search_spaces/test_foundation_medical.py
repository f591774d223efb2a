"""The study of Palés Huix et al. (WACV 2024): its cells, switches, and what follows from them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from orchestrator.plan import make_plan
from orchestrator.selection import Selection
from search_spaces.foundation_medical import STUDY, derived
from search_spaces.foundation_medical.grid import BASELINES, DATASET, FOUNDATION, HEAD
from search_spaces.study import Cell, cell_key
from trainables import classify, embedding_knn, embedding_similarity, layer_similarity
from trainables.context import Locations
from trainables.models.cards import get_backbone_card

CELLS = {cell.key: cell for cell in STUDY.cells()}


def _cell(experiment: str, **levels: str) -> Cell:
    return CELLS[cell_key(experiment, tuple(levels.items()))]


def _training(experiment: str, **levels: str) -> classify.Config:
    config = _cell(experiment, **levels).recipe.config
    assert isinstance(config, classify.Config)
    return config


def _grid(
    backbone: str, head: str, dataset: str, profile: str, training: str = "fine_tuned"
) -> Any:
    levels = {"backbone": backbone, "head": head, "training": training, "dataset": dataset}
    return _training("grid", **levels, profile=profile)


def _differences(one: Any, two: Any) -> dict[str, tuple[Any, Any]]:
    pairs = {f.name: (getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(one)}
    return {name: (a, b) for name, (a, b) in pairs.items() if a != b}


def test_every_experiment_has_the_cells_of_the_paper() -> None:
    networks = 5 * 2 + 3  # foundation models with two heads, baselines with one
    blocks = 4 * 12 + 4  # SEEM has stages
    assert Counter(cell.experiment for cell in CELLS.values()) == {
        "grid": networks * 2 * 4 * 2,
        "dino_head": 5 * 4,
        "unfreeze": blocks * 4,
        "drop": blocks * 2 * 4,
        "knn": networks * 2 * 4,
        "cka": 5 * 4,
        "cka_models": 6 * 5 // 2 * 4,
    }


def test_baselines_have_a_linear_head_only() -> None:
    heads = {
        name: {
            dict(cell.levels)["head"]
            for cell in CELLS.values()
            if cell.experiment == "grid" and dict(cell.levels)["backbone"] == name
        }
        for name in (*FOUNDATION, *BASELINES)
    }
    assert all(heads[name] == set(HEAD.levels) for name in FOUNDATION)
    assert all(heads[name] == {"linear"} for name in BASELINES)


def test_settings_are_those_of_the_released_parameters() -> None:
    config = _grid("dinov2_vit_b14", "linear", "aptos2019", "paper")
    assert (config.epochs, config.batch_size, config.drop_last) == (100, 64, True)
    assert (config.optimizer.name, config.optimizer.lr) == ("adamw", 1e-4)
    assert (config.optimizer.weight_decay, config.clip_norm) == (1e-5, 1.0)
    assert config.keep_initial, "the analyses compare with it"
    assert not config.freeze_backbone
    assert _grid("dinov2_vit_b14", "linear", "aptos2019", "paper", "frozen").freeze_backbone
    assert {c.budget.replicates for c in CELLS.values()} == {5}


def test_metrics_are_those_of_the_data_sets() -> None:
    metrics = {
        name: _cell("dino_head", backbone="sam_vit_b", dataset=name).recipe.metric
        for name in DATASET.levels
    }
    assert metrics == {
        "aptos2019": "test/kappa",
        "ddsm": "test/roc_auc",
        "isic2019": "test/recall_macro",
        "chexpert": "test/roc_auc",
    }


@pytest.mark.parametrize(
    ("profile", "channels", "normalisation", "selection", "val_batches", "overshoot"),
    [
        ("paper", "native", "dataset", "paper", "full_batches_shuffled", True),
        ("clean", "rgb", "backbone", "first_best", "all", False),
    ],
)
def test_a_profile_sets_every_switch(
    profile: str,
    channels: str,
    normalisation: str,
    selection: str,
    val_batches: str,
    overshoot: bool,
) -> None:
    """R1, R7, R9 and R10."""
    for cell in CELLS.values():
        config = cell.recipe.config
        if cell.experiment != "grid" or dict(cell.levels)["profile"] != profile:
            continue
        assert (config.channels, config.normalisation) == (channels, normalisation)
        assert (config.selection, config.val_batches) == (selection, val_batches)
        assert config.schedule.warmup_overshoot == overshoot


def test_profiles_differ_in_their_switches_only() -> None:
    differ = _differences(
        _grid("sam_vit_b", "linear", "isic2019", "paper"),
        _grid("sam_vit_b", "linear", "isic2019", "clean"),
    )
    switches = {"channels", "normalisation", "selection", "val_batches", "schedule"}
    assert differ.keys() == switches
    paper, clean = differ["schedule"]
    assert _differences(paper, clean) == {"warmup_overshoot": (True, False)}


@pytest.mark.parametrize("head", HEAD.levels)
@pytest.mark.parametrize("backbone", FOUNDATION)
def test_released_networks_are_of_the_paper_profile(backbone: str, head: str) -> None:
    """R2: SEEM's grey stem; R3: BLIP's top left patch."""
    released = {"seem_focal_t": "seem_focal_t_released", "blip_base": "blip_base_released"}
    assert _grid(backbone, head, "ddsm", "clean").backbone.card == backbone
    paper = _grid(backbone, head, "ddsm", "paper").backbone
    assert paper.card == released.get(backbone, backbone)
    assert paper.weights == get_backbone_card(backbone).default_weights


def test_pixels_are_prepared_the_same_in_both_profiles() -> None:
    """R8: 256 x 256, the middle 224, then crops whose area may be above one."""
    for profile in ("paper", "clean"):
        config = _grid("deit_b", "linear", "chexpert", profile)
        assert round(224 / config.crop_fraction) == 256
        assert config.interpolation == "bilinear"
        assert config.augment.middle_first
        assert config.augment.crop_scale == (0.8, 1.2)


@pytest.mark.parametrize(
    ("dataset", "epochs", "steps"),
    [("aptos2019", 5, 0), ("ddsm", 5, 0), ("isic2019", 0, 1000), ("chexpert", 0, 1000)],
)
def test_the_data_set_decides_the_warmup(dataset: str, epochs: int, steps: int) -> None:
    """R9: constant after it."""
    for profile in ("paper", "clean"):
        schedule = _grid("blip_base", "deit_b", dataset, profile).schedule
        assert (schedule.warmup_epochs, schedule.warmup_steps) == (epochs, steps)
        assert schedule.name == "constant"


def test_the_clean_profile_splits_chexpert_by_patient() -> None:
    """R11; R12 is in the card of DDSM, for both profiles."""
    assert _grid("deit_b", "linear", "chexpert", "paper").data.name == "chexpert"
    assert _grid("deit_b", "linear", "chexpert", "clean").data.name == "chexpert_patient"
    assert _grid("deit_b", "linear", "ddsm", "clean").data.name == "ddsm"


def test_half_precision_stops_before_a_deit_head_in_the_paper_profile() -> None:
    """R13."""
    precision = {
        (head, profile): _grid("sam_vit_b", head, "ddsm", profile).precision
        for head in HEAD.levels
        for profile in ("paper", "clean")
    }
    assert {key for key, value in precision.items() if value == "fp32"} == {("deit_b", "paper")}
    assert set(precision.values()) == {"fp16", "fp32"}


def test_heads_differ_in_the_weights_of_the_deit() -> None:
    supervised = _grid("sam_vit_b", "deit_b", "ddsm", "paper")
    dino = _training("dino_head", backbone="sam_vit_b", dataset="ddsm")
    assert supervised.head.backbone is not None
    assert dino.head.backbone is not None
    assert (supervised.head.backbone.card, dino.head.backbone.card) == ("deit_b", "dino_vit_b16")
    assert _differences(supervised, dino).keys() == {"head"}


@pytest.mark.parametrize(("backbone", "units"), [("sam_vit_b", 12), ("seem_focal_t", 4)])
def test_every_block_is_unfrozen_and_cut(backbone: str, units: int) -> None:
    def blocks(experiment: str) -> set[int]:
        chosen = [c for c in CELLS.values() if c.experiment == experiment]
        levels = [dict(c.levels) for c in chosen]
        return {int(x["block"]) for x in levels if x["backbone"] == backbone}

    assert blocks("unfreeze") == blocks("drop") == set(range(units))
    unfrozen = _training("unfreeze", backbone=backbone, dataset="ddsm", block="2")
    assert (unfrozen.freeze_backbone, unfrozen.unfreeze_from) == (True, 2)
    assert unfrozen.head.name == "linear"
    cut = _training("drop", backbone=backbone, head="deit_b", dataset="ddsm", block="2")
    assert (cut.freeze_backbone, cut.backbone.output_block) == (True, 2)


@pytest.mark.parametrize("head", HEAD.levels)
@pytest.mark.parametrize("backbone", FOUNDATION)
def test_keeping_the_last_block_is_the_frozen_cell_of_the_grid(backbone: str, head: str) -> None:
    last = str(get_backbone_card(backbone).output_blocks - 1)
    drop = _cell("drop", backbone=backbone, head=head, dataset="chexpert", block=last)
    levels = {"backbone": backbone, "head": head, "training": "frozen", "dataset": "chexpert"}
    assert drop.recipe == _cell("grid", **levels, profile="paper").recipe


def test_cells_that_run_the_same_are_run_once(tmp_path: Path) -> None:
    selection = Selection(
        study="foundation_medical",
        twin=True,
        recipe="paper",
        only={"experiment": ("grid", "drop"), "backbone": ("seem_focal_t",), "dataset": ("ddsm",)},
    )
    plan = make_plan(selection, _locations(tmp_path))
    shared = [sorted(place.experiment for place in cell.places) for cell in plan.cells]
    # Two heads frozen in the paper profile are the last of four stages each.
    assert shared.count(["drop", "grid"]) == 2
    assert len(shared) == 2 * 2 * 2 + 2 * 4 - 2


def test_every_analysis_needs_cells_trained_as_the_paper_did() -> None:
    for cell in CELLS.values():
        for ref in cell.recipe.needs.values():
            needed = CELLS[cell_key(ref.experiment, ref.levels)]
            assert dict(ref.levels)["profile"] == "paper"
            assert needed.recipe.config.data == cell.recipe.config.data
    levels = {"backbone": "sam_vit_b", "head": "deit_b", "training": "frozen", "dataset": "ddsm"}
    knn = _cell("knn", **levels).recipe
    assert isinstance(knn.config, embedding_knn.Config)
    assert (knn.config.k, knn.config.temperature) == (200, 0.1)
    assert dict(knn.needs["model"].levels) == {**levels, "profile": "paper"}
    within = _cell("cka", backbone="sam_vit_b", dataset="ddsm").recipe
    assert isinstance(within.config, layer_similarity.Config)
    assert (within.config.aggregate, within.config.compare) == ("hsic", "initial")


def test_each_pair_of_models_is_compared_once() -> None:
    pairs = []
    for cell in CELLS.values():
        if cell.experiment != "cka_models" or dict(cell.levels)["dataset"] != "ddsm":
            continue
        assert isinstance(cell.recipe.config, embedding_similarity.Config)
        assert cell.recipe.metric == "cka/last"
        needs = cell.recipe.needs
        pairs.append({dict(needs[name].levels)["backbone"] for name in ("model", "other")})
    assert all(len(pair) == 2 for pair in pairs)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == 15


def test_published_gains_stand_beside_ours() -> None:
    (table,) = STUDY.derived
    assert len(table.published) == 13
    best = table.published["dinov2_vit_b14", "linear", "fine_tuned", "paper"]
    assert (best.value, best.error) == (1.92, 0.03)
    assert table.published["deit_b", "linear", "fine_tuned", "paper"].value == 0
    others = {key[:2]: p.value for key, p in table.published.items() if p.value > 0}
    assert others == {
        ("dinov2_vit_b14", "linear"): 1.92,
        ("dinov2_vit_b14", "deit_b"): 0.68,
        ("seem_focal_t", "linear"): 0.68,
    }
    assert all(key[2:] == ("fine_tuned", "paper") for key in table.published)
    assert not any(experiment.published for experiment in STUDY.experiments)


def test_gain_is_the_mean_over_data_sets_of_what_is_won_over_deit() -> None:
    rest = ("fine_tuned", "paper")
    reference = dict(zip(DATASET.levels, (0.8, 0.5, 0.4, 0.9), strict=True))
    ours = dict(zip(DATASET.levels, (0.84, 0.49, 0.4, 0.9), strict=True))

    def cells(backbone: str, head: str, values: dict[str, float]) -> dict[tuple[str, ...], float]:
        training, profile = rest
        return {(backbone, head, training, name, profile): v for name, v in values.items()}

    means = cells("deit_b", "linear", reference) | cells("sam_vit_b", "deit_b", ours)
    incomplete = dict(list(ours.items())[:3])
    means |= cells("blip_base", "linear", incomplete)
    # 5 %, -2 %, 0 and 0.
    assert derived.relative_gain(means) == pytest.approx(
        {("deit_b", "linear", *rest): 0.0, ("sam_vit_b", "deit_b", *rest): 0.75}
    )


def test_gain_is_relative_to_a_reference_trained_the_same_way() -> None:
    def cells(backbone: str, training: str, value: float) -> dict[tuple[str, ...], float]:
        return {(backbone, "linear", training, d, "paper"): value for d in DATASET.levels}

    means = cells("deit_b", "fine_tuned", 0.8) | cells("deit_b", "frozen", 0.4)
    means |= cells("sam_vit_b", "frozen", 0.6)
    gains = derived.relative_gain(means)
    assert gains["sam_vit_b", "linear", "frozen", "paper"] == pytest.approx(50)
    assert derived.relative_gain(cells("sam_vit_b", "frozen", 0.6)) == {}


def _locations(folder: Path) -> Locations:
    return Locations(data=folder / "data", weights=folder / "weights", store=folder / "store")


@pytest.mark.parametrize("scale", ["twin", "smoke"])
def test_every_cell_can_run_on_twins(scale: str, tmp_path: Path) -> None:
    selection = Selection(study="foundation_medical", recipe="paper", **{scale: True})  # type: ignore[arg-type]
    plan = make_plan(selection, _locations(tmp_path))
    assert not plan.problems
    assert not plan.skipped
    assert {place.key for cell in plan.cells for place in cell.places} == set(CELLS)


def test_blocks_of_twins_are_as_deep_in_proportion(tmp_path: Path) -> None:
    only = {
        "experiment": ("unfreeze", "drop"),
        "backbone": ("dinov2_vit_b14",),
        "dataset": ("ddsm",),
        "block": ("0", "6", "11"),
    }
    selection = Selection(study="foundation_medical", smoke=True, recipe="paper", only=only)
    configs = [cell.config for cell in make_plan(selection, _locations(tmp_path)).cells]
    unfrozen = {c.unfreeze_from for c in configs if c.unfreeze_from is not None}
    kept = {c.backbone.output_block for c in configs if c.unfreeze_from is None}
    # Of twelve blocks to four.
    assert unfrozen == {0, 2, 3}
    assert kept == {0, 2, None}


def test_what_is_missing_is_said_once_each(tmp_path: Path) -> None:
    plan = make_plan(Selection(study="foundation_medical"), _locations(tmp_path))
    text = "\n".join(plan.problems)
    for name in (*DATASET.levels, "chexpert_patient"):
        assert text.count(f"data set '{name}' is not prepared") == 1
    for name in (*FOUNDATION, *BASELINES):
        assert f"of '{name}" in text
