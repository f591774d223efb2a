"""The study of Yang et al. (NeurIPS 2024): its cells, what each runs, and what follows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from orchestrator.plan import Plan, make_plan
from orchestrator.selection import Selection
from search_spaces.study import Cell, cell_key
from search_spaces.why_lesion_clip import STUDY
from search_spaces.why_lesion_clip.grid import (
    CONFOUNDED,
    METHOD,
    SIZE,
    UNCONFOUNDED,
    datasets,
    modality_of,
)
from trainables import bottleneck, grounding, probe
from trainables.context import Locations
from trainables.data.cards import get_data_card
from trainables.knowledge import Knowledge

CELLS = {cell.key: cell for cell in STUDY.cells()}
HEADS = ("probe", "bottleneck")


def _cell(experiment: str, **levels: str) -> Cell:
    return CELLS[cell_key(experiment, tuple(levels.items()))]


def _method(method: str, dataset: str = "isic_sex", split: str = "ood") -> Cell:
    levels = {"modality": modality_of(dataset), "dataset": dataset, "split": split}
    return _cell("methods", **levels, method=method)


def _plan(folder: Path, **selection: object) -> Plan:
    locations = Locations(data=folder / "d", weights=folder / "w", store=folder / "s")
    return make_plan(Selection(study="why_lesion_clip", **selection), locations)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return _plan(tmp_path_factory.mktemp("twin"), twin=True, recipe="paper")


# The grid


def test_every_experiment_has_its_cells() -> None:
    places = 20 * 2
    assert Counter(cell.experiment for cell in CELLS.values()) == {
        "methods": places * len(METHOD.levels),
        "ablations": places * 3,
        "sources": places * 5,
        "annotators": places * 2,
        "reports": places // 2 * 6,
        "size": places * 2 * 10,
        "few_shots": places * 7,
        "zero_shot": 10 * 8,
        "probe": 10 * 10,
        "untrained": 15 * 4,
        "own_clip": places * 2,
        "diversity": 2 * 5 * 2,
        "align": 4,
        "lsl": 2,
        # As published; our CLIP, the other annotator, four sources; five numbers of reports.
        "grounding": 2 * (1 + 1 + 1 + 4) + 5,
    }


def test_every_modality_has_five_confounded_sets_and_five_others() -> None:
    assert len(CONFOUNDED) == len(UNCONFOUNDED) == 10
    for modality in ("skin", "xray"):
        assert len(list(datasets(modality, confounded=True))) == 5
        assert len(list(datasets(modality, confounded=False))) == 5


def test_nothing_is_chosen_out_of_the_domain() -> None:
    assert all(cell.recipe.objective.metric.startswith("val/") for cell in CELLS.values())


def test_both_splits_are_metrics_of_one_run(twin: Plan) -> None:
    checked = 0
    for cell in twin.cells:
        by_split: dict[str, set[str]] = {"id": set(), "ood": set()}
        for place in cell.places:
            if "split" in place.levels:
                by_split[place.levels["split"]].add(place.metric)
        if any(by_split.values()):
            checked += 1
            assert by_split == {"id": {"chosen/accuracy"}, "ood": {"test/accuracy"}}
    assert checked


def test_knobo_as_published_is_one_run_in_every_table(twin: Plan) -> None:
    knobo = next(
        cell
        for cell in twin.cells
        for place in cell.places
        if place.experiment == "methods"
        and place.levels["method"] == "knobo"
        and place.levels["dataset"] == "nih_sex"
    )
    where = {place.experiment: place.levels for place in knobo.places}
    assert where.keys() == {"methods", "ablations", "sources", "annotators", "reports"}
    assert where["sources"]["source"] == "PubMed"
    assert where["annotators"]["annotator"] == "flan_t5"
    assert where["reports"]["reports"] == "2000"


# What each cell runs


def test_heads_are_trained_as_the_paper_says() -> None:
    """Adam at 1e-3, batch 64, 200 epochs, no decay (appendix B); PCBM-h by its authors differs."""
    for cell in CELLS.values():
        config = cell.recipe.config
        if config.trainable not in HEADS:
            continue
        training = config.training
        assert (training.batch_size, training.weight_decay) == (64, 0)
        sequential = getattr(config, "residual", "none") == "sequential"
        expected = (20, 1e-2) if sequential else (200, 1e-3)
        assert (training.epochs, training.lr) == expected, cell.key
        assert cell.recipe.steps == training.epochs


def test_clip_reads_the_middle_of_a_picture_and_pixels_the_whole() -> None:
    families = set()
    for cell in CELLS.values():
        config = cell.recipe.config
        if hasattr(config, "resize"):
            family = config.backbone.card.partition("_")[0]
            families.add(family)
            # The authors of MedCLIP pad pictures to squares.
            whole = {"pixels": "squash", "medclip": "pad"}
            assert config.resize == whole.get(family, "center_crop"), cell.key
    assert {"pixels", "medclip"} < families


def test_probes_see_768_columns() -> None:
    probes = [cell for cell in CELLS.values() if isinstance(cell.recipe.config, probe.Config)]
    assert probes
    for cell in probes:
        size = dict(cell.levels).get("size", "768")
        assert (cell.recipe.config.fit, cell.recipe.config.columns) == ("paper", int(size))


def test_knobo_has_150_concepts_and_the_prior_at_weight_one() -> None:
    config = _method("knobo").recipe.config
    assert (config.concepts, config.choice, config.scores) == (150, "top", "grounding")
    assert (config.prior_weight, config.residual) == (1, "none")
    assert config.knowledge == Knowledge(source="PubMed", annotator="flan_t5", reports=None)


def test_ablations_take_one_part_away() -> None:
    levels = {"modality": "skin", "dataset": "isic_sex", "split": "ood"}
    whole = _cell("ablations", **levels, ablation="knobo").recipe.config
    without_prior = _cell("ablations", **levels, ablation="without_prior").recipe.config
    by_words = _cell("ablations", **levels, ablation="without_grounding").recipe.config
    assert without_prior.prior_weight == 0
    assert by_words.scores == "text"
    assert by_words.prior_weight == whole.prior_weight == 1


def test_pcbm_h_adds_a_layer_on_the_feature_and_has_no_prior() -> None:
    for method, residual, penalty in (
        ("pcbm_h", "joint", 0),
        ("pcbm_h_sequential", "sequential", 1e-3),
    ):
        config = _method(method).recipe.config
        assert (config.residual, config.residual_l2) == (residual, penalty)
        assert (config.scores, config.prior_weight, config.columns) == ("text", 0, 768)


def test_whole_networks_start_anew_at_their_rates() -> None:
    """20 epochs of Adam at 1e-6, DenseNet at 1e-5 (appendix B.2)."""
    for dataset in ("isic_sex", "nih_sex"):
        for method, rate in (("vit_l14", 1e-6), ("densenet", 1e-5)):
            cell = _method(method, dataset)
            config = cell.recipe.config
            assert (config.optimizer.name, config.optimizer.lr) == ("adam", rate)
            assert (config.epochs, config.batch_size, config.schedule.name) == (20, 64, "constant")
            assert not cell.recipe.needs


def test_a_modality_has_its_own_clip_corpus_and_concepts() -> None:
    for dataset, card, corpus in (
        ("isic_sex", "whylesionclip", "isic_findings"),
        ("nih_sex", "whyxrayclip", "mimic_findings"),
    ):
        cell = _method("knobo", dataset)
        needed = cell.recipe.needs["grounding"]
        grounded = CELLS[cell_key(needed.experiment, needed.levels)].recipe.config
        assert isinstance(grounded, grounding.Config)
        assert cell.recipe.config.backbone == grounded.backbone
        assert (grounded.backbone.card, grounded.data.name) == (card, corpus)


def test_bottlenecks_read_the_knowledge_their_concepts_were_learned_from() -> None:
    for cell in CELLS.values():
        if not isinstance(cell.recipe.config, bottleneck.Config):
            continue
        needed = cell.recipe.needs["grounding"]
        grounded = CELLS[cell_key(needed.experiment, needed.levels)].recipe
        assert grounded.config.knowledge == cell.recipe.config.knowledge
        assert grounded.config.backbone == cell.recipe.config.backbone
        assert grounded.needs.get("clip") == cell.recipe.needs.get("clip")


def test_fewer_reports_hold_out_as_many_fewer_pictures() -> None:
    """With the published ten, no concept of 100 reports would be learned."""
    held_out = {
        cell.recipe.config.knowledge.reports: cell.recipe.config.least_held_out
        for cell in CELLS.values()
        if cell.experiment == "grounding"
    }
    assert held_out == {None: 10, 1500: 7, 1000: 5, 500: 2, 250: 1, 100: 1}


def test_lsl_is_a_probe_of_towers_that_another_cell_trained() -> None:
    cell = _method("lsl", "nih_sex")
    assert isinstance(cell.recipe.config, probe.Config)
    needed = cell.recipe.needs["clip"]
    assert (needed.experiment, dict(needed.levels)) == ("lsl", {"modality": "xray"})
    shaped = _cell("lsl", modality="xray").recipe.config
    assert shaped.backbone == cell.recipe.config.backbone
    assert (shaped.optimizer.lr, shaped.optimizer.weight_decay) == (1e-6, 1e-6)
    assert (shaped.margin, shaped.epochs, shaped.batch_size) == (0.6, 20, 64)


def test_rows_of_table_9_without_extraction_were_trained_on_whole_reports() -> None:
    levels = {"modality": "skin", "dataset": "ham10000", "model": "aligned_report"}
    for experiment in ("zero_shot", "probe"):
        needed = _cell(experiment, **levels).recipe.needs["clip"]
        aligned = CELLS[cell_key(needed.experiment, needed.levels)].recipe.config
        assert (aligned.data.name, aligned.captions) == ("isic_reports", "report")
        assert aligned.backbone.card == "openclip_vit_l14"


def test_fine_tuning_of_clip_is_as_published() -> None:
    """Ten epochs at 1e-5, 128 pairs on each of four GPUs; the lowest loss is kept."""
    recipe = _cell("align", modality="skin", captions="findings").recipe
    config = recipe.config
    assert (config.epochs, config.batch_size, config.optimizer.lr) == (10, 512, 1e-5)
    assert (recipe.objective.metric, recipe.objective.mode) == ("val/contrastive_loss", "min")


def test_the_probe_beside_a_bottleneck_has_as_many_columns_as_that_has_concepts() -> None:
    for size in SIZE.levels:
        levels = {"modality": "skin", "dataset": "isic_sex", "split": "ood"}
        knobo = _cell("size", **levels, reader="knobo", size=size).recipe.config
        beside = _cell("size", **levels, reader="linear_probe", size=size).recipe.config
        assert (knobo.concepts, knobo.choice) == (int(size), "random")
        assert (beside.columns, beside.column_choice) == (int(size), "random")


def test_pixels_are_the_first_768_or_drawn_as_the_code_does() -> None:
    levels = {"modality": "skin", "dataset": "ham10000"}
    paper = _cell("untrained", **levels, network="pixels").recipe.config
    released = _cell("untrained", **levels, network="pixels_released").recipe.config
    assert (paper.column_choice, released.column_choice) == ("first", "random")
    assert paper.backbone.weights == released.backbone.weights == "random"


# On twins


@pytest.mark.parametrize("scale", ["twin", "smoke"])
def test_every_cell_but_many_shots_and_everyday_pictures_can_run_on_twins(
    scale: str, tmp_path: Path
) -> None:
    plan = _plan(tmp_path, recipe="paper", **{scale: True})
    assert not plan.problems
    run = {place.key for cell in plan.cells for place in cell.places}
    assert run | set(plan.skipped) == set(CELLS)
    for key in plan.skipped:
        levels = dict(CELLS[key].levels)
        assert levels.get("shots") in ("16", "32", "64") or levels["modality"] == "natural", key


def test_searches_can_run_on_twins(tmp_path: Path) -> None:
    plan = _plan(tmp_path, twin=True, only={"dataset": ("isic_sex",)})
    assert not plan.problems
    by_trainable = {cell.config.trainable: cell for cell in plan.cells}
    assert by_trainable["bottleneck"].search_trials > 0
    assert "prior_weight" in by_trainable["bottleneck"].space or not (
        by_trainable["bottleneck"].config.prior_weight
    )


def test_sizes_of_bottlenecks_keep_their_order_on_twins(twin: Plan) -> None:
    sizes = {}
    for cell in twin.cells:
        for place in cell.places:
            if place.experiment == "size" and place.levels["dataset"] == "isic_sex":
                config = cell.config
                knobo = isinstance(config, bottleneck.Config)
                number = config.concepts if knobo else config.columns
                sizes[place.levels["reader"], int(place.levels["size"])] = number
    for reader in ("knobo", "linear_probe"):
        found = [sizes[reader, int(size)] for size in SIZE.levels]
        assert found == sorted(set(found))
        assert found[-1] == 12


def test_zero_shot_on_twins_asks_for_what_reports_of_twins_say(twin: Plan) -> None:
    cells = [cell for cell in twin.cells if cell.config.trainable == "zero_shot"]
    assert cells
    for cell in cells:
        classes = get_data_card(cell.config.data.name).classes
        assert len(cell.config.prompts_of(classes)) == len(classes)
        said = [" ".join(prompts) for prompts in cell.config.prompts_of(classes)]
        assert all(said)


# What is missing


def test_what_nobody_published_is_left_out_with_a_reason(tmp_path: Path) -> None:
    """Phrases of LaBo, reports about pictures of skin, what GPT-4 said of reports."""
    skipped = _plan(tmp_path, recipe="paper").skipped
    names = {CELLS[key].experiment: reason for key, reason in skipped.items()}
    assert names.keys() >= {"methods", "align", "grounding"}
    for key in skipped:
        levels = dict(CELLS[key].levels)
        assert (
            levels.get("method") == "labo"
            or levels.get("annotator") == "gpt4"
            or levels.get("captions") == "report"
            or levels.get("model") == "aligned_report"
            or levels["modality"] == "natural"
        ), key
    assert all(skipped.values())


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    text = "\n".join(_plan(tmp_path, recipe="paper").problems)
    for card in ("whylesionclip", "whyxrayclip", "openclip_vit_l14", "densenet121_skin"):
        assert text.count(f"of '{card}' are not here") == 1
    for name in (*CONFOUNDED, *UNCONFOUNDED, "isic_findings", "mimic_findings"):
        assert f"'{name}'" in text
    assert "xray_PubMed.txt" in text
