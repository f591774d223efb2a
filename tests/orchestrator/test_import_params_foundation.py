"""A params.json with foundation_params becomes a cell of the study of foundation models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from params_samples import changed, foundation_params

from orchestrator.import_params import ImportParamsError, import_params
from orchestrator.import_params.checking import check_params
from orchestrator.import_params.foundation_medical import translate_foundation_medical
from orchestrator.import_params.params import Params, read_params
from orchestrator.import_params.translation import Translation

BACKBONE = "foundation_params__backbone_type"
HEAD = "model_params__backbone_type"
HEAD_WEIGHTS = "model_params__transformers_params__pretrained_type"
FROZEN = "foundation_params__freeze_backbone"
UNFREEZE = "foundation_params__partial__unfreeze_cutoff"
DROP = "foundation_params__partial__drop_cutoff"


def params_of(folder: Path, **changes: Any) -> Params:
    file = folder / "params.json"
    file.write_text(json.dumps(changed(foundation_params(), **changes)))
    return read_params(file)


def translated(folder: Path, **changes: Any) -> tuple[Translation, tuple[str, ...]]:
    params = params_of(folder, **changes)
    assert check_params(params) == []
    out = Translation(params=params)
    return out, translate_foundation_medical(out)


def test_the_section_of_foundation_models_tells_the_repository(tmp_path: Path) -> None:
    assert params_of(tmp_path).repository == "foundation_medical"
    assert params_of(tmp_path, foundation_params=...).repository == "feature_reuse"


@pytest.mark.parametrize(
    ("changes", "experiment", "levels"),
    [
        ({}, "grid", "seem_focal_t deit_b frozen paper"),
        ({FROZEN: False}, "grid", "seem_focal_t deit_b fine_tuned paper"),
        ({HEAD: "none"}, "grid", "seem_focal_t linear frozen paper"),
        ({HEAD: "none", HEAD_WEIGHTS: "dino"}, "grid", "seem_focal_t linear frozen paper"),
        ({BACKBONE: "sam_vit_b"}, "grid", "sam_vit_b deit_b frozen paper"),
        ({BACKBONE: "dinov2_vitb14"}, "grid", "dinov2_vit_b14 deit_b frozen paper"),
        ({BACKBONE: "blip_base"}, "grid", "blip_base deit_b frozen paper"),
        ({BACKBONE: "clip_vitb16"}, "grid", "openclip_vit_b16 deit_b frozen paper"),
        ({BACKBONE: "none"}, "grid", "deit_b linear fine_tuned paper"),
        (
            {BACKBONE: "none", HEAD_WEIGHTS: "dino", "model_params__freeze_backbone": True},
            "grid",
            "dino_vit_b16 linear frozen paper",
        ),
        ({BACKBONE: "resnet152", HEAD: "none"}, "grid", "resnet152 linear frozen paper"),
        ({HEAD_WEIGHTS: "dino", FROZEN: False}, "dino_head", "seem_focal_t"),
        ({HEAD: "none", UNFREEZE: 3}, "unfreeze", "seem_focal_t 3"),
        ({DROP: [2, 1]}, "drop", "seem_focal_t deit_b 1"),
        ({UNFREEZE: 3}, "grid", "seem_focal_t deit_b frozen paper"),
    ],
)
def test_networks_and_training_choose_the_cell(
    tmp_path: Path, changes: dict[str, Any], experiment: str, levels: str
) -> None:
    out, experiments = translated(tmp_path, **changes)
    assert out.problems == []
    assert experiments == (experiment,)
    assert set(out.levels.values()) == {*levels.split(), "aptos2019"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({BACKBONE: "sam_vit_l"}, 'backbone_type = "sam_vit_l": the study has sam_vit_b, focal'),
        ({HEAD: "swin_tiny"}, 'backbone_type = "swin_tiny": the heads are none, deit_base'),
        ({BACKBONE: "none", HEAD: "none"}, "nothing is left to train"),
        ({HEAD_WEIGHTS: "dino"}, "whole, fine-tuned backbone only"),
        ({HEAD: "none", UNFREEZE: 3, DROP: [2]}, "unfreezes blocks only where none is dropped"),
        ({"foundation_params__pretrained": False}, "starts from published weights"),
        ({"transfer_learning_params__use_pretrained": True}, "cannot be started from"),
        ({"model_params__transformers_params__patch_size": 8}, "only 16 is supported"),
    ],
)
def test_what_the_study_lacks_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    out, _ = translated(tmp_path, **changes)
    assert message in "\n".join(out.problems)


def test_keys_of_the_other_repository_are_unknown_here(tmp_path: Path) -> None:
    params = params_of(tmp_path, model_params__wtst_init__apply=True)
    assert "wtst_init.apply: there is no such key" in check_params(params)[0]


def test_mixed_precision_stops_before_two_networks(tmp_path: Path) -> None:
    """Under a DeiT head the original's autocast reaches neither network."""
    assert translated(tmp_path)[0].config["precision"] == "fp32"
    assert "precision" not in translated(tmp_path, **{HEAD: "none"})[0].config


@pytest.mark.parametrize("head", ["none", "deit_base"])
@pytest.mark.parametrize("dataset", ["APTOS2019", "DDSM", "ISIC2019", "CheXpert"])
def test_the_released_settings_are_the_studys(tmp_path: Path, dataset: str, head: str) -> None:
    params_of(tmp_path, **{HEAD: head}, dataset_params__dataset=dataset)
    result = import_params(tmp_path / "params.json")
    assert result.selection.overrides == {}
    assert len({row.key for row in result.rows}) == len(result.rows)
    rows = {row.key: row.became for row in result.rows}
    block = "optimization_params.default.scheduler.params.LinearWarmup"
    assert "overwrites" in rows[f"{block}.warmup_iters"]


def test_a_cut_fine_tuned_backbone_is_an_override(tmp_path: Path) -> None:
    params_of(tmp_path, **{HEAD: "none", DROP: [8], FROZEN: False, BACKBONE: "sam_vit_b"})
    overrides = import_params(tmp_path / "params.json").selection.overrides
    assert overrides == {"backbone.output_block": "8"}


def test_a_data_set_without_a_warmup_is_refused(tmp_path: Path) -> None:
    params_of(tmp_path, dataset_params__dataset="Camelyon")
    with pytest.raises(ImportParamsError, match=r'"Camelyon": .* twice the lr'):
        import_params(tmp_path / "params.json")
