"""A params.json of feature_reuse becomes the cell and the overrides that train as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from params_samples import (
    LARS,
    OPTIMIZER,
    SCHEDULER,
    TRAIN,
    Import,
    feature_reuse_params,
    importer,
)
from torch import nn

from orchestrator.import_params import Imported, ImportParamsError
from orchestrator.import_params.schema import schema
from search_spaces.registry import load_study
from trainables.classify import Config
from trainables.config import override_all
from trainables.data.transforms import TrainTransform
from trainables.engine.schedule import Schedule
from trainables.models.card import RANDOM

GOLDEN = Path(__file__).parents[1] / "golden" / "feature_reuse"


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    return importer(tmp_path)


def config_of(imported: Imported) -> Config:
    """Return what the one cell of the selection runs."""
    selection = imported.selection
    levels = {factor: level for factor, (level,) in selection.only.items()}
    recipe = load_study(selection.study).experiment(levels.pop("experiment")).configure(levels)
    assert recipe is not None
    config = override_all(recipe.config, selection.overrides)
    assert isinstance(config, Config)
    return config


def golden(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((GOLDEN / f"{name}.json").read_text())["cases"]
    return cases


def test_the_sample_differs_from_the_study_where_the_paper_differs_from_its_file(
    imported: Import,
) -> None:
    """The paper trains transformers with AdamW until the rate is too small."""
    result = imported()
    assert result.selection.overrides == {
        "optimizer.name": "adam",
        "schedule.stop_below_lr": "0.0",
    }
    assert result.selection.only == {
        "experiment": ("main",),
        "model": ("deit_s",),
        "dataset": ("aptos2019",),
        "init": ("st",),
    }
    assert (result.selection.recipe, result.selection.replicates) == ("paper", 1)
    assert result.options == ("--gpus-per-worker", "1")
    assert result.warnings == ()


def test_every_key_that_can_be_there_gets_a_line(imported: Import) -> None:
    blocks = feature_reuse_params()["dataset_params"]["train_transforms"]
    off = {name: {**b, "apply": False} for name, b in blocks.items() if name != "Normalize"}
    plateau, cycle = (f"{SCHEDULER}params__{n}__" for n in ("ReduceLROnPlateau", "OneCycleLR"))
    result = imported(
        **{
            f"dataset_params__{split}_transforms__{name}": block
            for split in ("val", "test")
            for name, block in off.items()
            if name not in ("Resize", "CenterCrop")
        },
        **{f"dataloader_params__{s}loader__timeout": 0 for s in ("train", "val", "test")},
        **{
            f"{OPTIMIZER}params__betas": [0.9, 0.999],
            f"{OPTIMIZER}params__eps": 1e-8,
            f"{OPTIMIZER}params__amsgrad": False,
            f"{plateau}threshold": 1e-4,
            f"{plateau}threshold_mode": "rel",
            f"{plateau}cooldown": 0,
            f"{plateau}min_lr": 0,
            f"{plateau}eps": 1e-8,
            f"{cycle}pct_start": 0.3,
            f"{cycle}three_phase": False,
            f"{cycle}cycle_momentum": False,
            f"{SCHEDULER}params__LinearWarmup__eta_min": 1e-8,
            f"{SCHEDULER}params__LinearWarmup__max_lr": 1e-4,
            "model_params__transformers_params__drop_path_rate": 0.0,
            "model_params__n_classes": 5,
            "system_params__world_size": 1,
        },
    )
    lines = {row.key: row.became for row in result.rows}
    assert len(lines) == len(result.rows)
    assert all(lines.values())
    of_sgd = {f"{OPTIMIZER}params__{n}" for n in ("momentum", "dampening", "nesterov")}
    assert set(schema("feature_reuse")) - set(lines) == {k.replace("__", ".") for k in of_sgd}
    assert lines["model_params.n_classes"].startswith("not needed: added by the original")


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ({"pretrained": False, "wtst_init__apply": False}, {"main", "deit_s", "ri"}),
        ({"wtst_init__apply": False}, {"main", "deit_s", "wt"}),
        ({"wtst_init__transfer_up_to_layer": 12}, {"main", "deit_s", "wt"}),
        ({"wtst_init__transfer_up_to_layer": 5}, {"depth", "deit_s", "5"}),
        (
            {"backbone_type": "swin_tiny", "transformers_params__patch_size": 4},
            {"main", "swin_t", "st"},
        ),
        ({"backbone_type": "inception_v3"}, {"main", "inception_v3", "st"}),
        (
            {"backbone_type": "resnet50", "wtst_init__transfer_up_to_layer": 4},
            {"main", "resnet50", "wt"},
        ),
        ({"backbone_type": "resnet152"}, {"capacity", "resnet152", "st"}),
        ({"backbone_type": "deit_tiny"}, {"capacity", "deit_t", "st"}),
    ],
)
def test_model_and_initialisation_choose_the_cell(
    imported: Import, changes: dict[str, Any], levels: set[str]
) -> None:
    result = imported(**{f"model_params__{key}": value for key, value in changes.items()})
    chosen = {level for (level,) in result.selection.only.values()}
    assert chosen == levels | {"aptos2019"}


def test_random_weights_keep_the_files_learning_rate(imported: Import) -> None:
    """The study takes three times the rate there."""
    result = imported(model_params__pretrained=False, model_params__wtst_init__apply=False)
    config = config_of(result)
    assert config.backbone.weights == RANDOM
    assert config.optimizer.lr == 1e-4


@pytest.mark.parametrize("dataset", ["DDSM", "ISIC2019", "CheXpert", "Camelyon"])
def test_data_sets_choose_the_cell(imported: Import, dataset: str) -> None:
    result = imported(dataset_params__dataset=dataset, training_params__epochs=100)
    assert config_of(result).data.name == dataset.lower()
    rows = {row.key: row.became for row in result.rows}
    assert f"--source 'my data/{dataset}'" in rows["dataset_params.data_location"]


@pytest.mark.parametrize("case", golden("lr_schedule"), ids=lambda case: case["id"])
def test_schedules_make_the_rates_of_the_published_code(
    imported: Import, case: dict[str, Any]
) -> None:
    params = {name: dict(arguments) for name, arguments in case["params"].items()}
    if "OneCycleLR" in params:
        params["OneCycleLR"]["cycle_momentum"] = False
    changes = {f"{SCHEDULER}type": case["types"], f"{SCHEDULER}params": params}
    if case["id"] == "warmup_none_given":
        with pytest.raises(ImportParamsError, match="twice the lr"):
            imported(**changes)
        return
    schedule = config_of(imported(**changes)).schedule
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=case["lr"])
    stepped = Schedule(optimizer, schedule, case["steps_per_epoch"], case["epochs"])
    targets = iter(case.get("validation_targets", ()))
    every = case.get("validate_every_iterations", 0)
    rates = []
    for i in range(case["steps_per_epoch"] * case["epochs"]):
        rates.append(stepped.rate)
        stepped.step()
        if every and (i + 1) % every == 0:
            target = next(targets)
            stepped.observe(target, 1 - target)
    assert rates == pytest.approx(case["lr_used_at_iteration"], rel=1e-7)


@pytest.mark.parametrize("case", golden("transform_order")[:2], ids=["shipped", "middle, erasing"])
def test_blocks_make_the_transforms_of_the_published_code(
    imported: Import, case: dict[str, Any]
) -> None:
    config = config_of(imported(dataset_params__train_transforms=case["train_transforms"]))
    transform: Any = TrainTransform(
        size_px=224,
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        crop_fraction=config.crop_fraction,
        augmentation=config.augment,
    ).build()
    steps = [getattr(step, "transforms", [step])[0] for step in transform.transforms]
    names = ["ToTensor" if type(s).__name__ == "ToDtype" else type(s).__name__ for s in steps]
    assert names == case["order"]


@pytest.mark.parametrize(
    ("block", "content", "expected"),
    [
        ("VerticalFlip", {"apply": False, "p": 0.5}, {"vertical_flip": 0.0}),
        ("VerticalFlip", ..., {"vertical_flip": 0.0}),
        ("HorizontalFlip", {"apply": True, "p": 0.3}, {"horizontal_flip": 0.3}),
        ("RandomGrayscale", {"apply": False}, {"greyscale": 0.0}),
        ("ColorJitter", ..., {"jitter": 0.0}),
        (
            "RandomRotation",
            {"apply": True, "angle": 30, "p": 0.4},
            {"rotation.p": 0.4, "rotation.degrees": 30.0},
        ),
        (
            "RandomGaussianBlur",
            {"apply": True, "radius_min": 0.5, "radius_max": 1.5, "p": 0.1},
            {"blur.p": 0.1, "blur.radius_px": (0.5, 1.5)},
        ),
        (
            "RandomAffine",
            {
                "apply": True,
                "degrees": 3,
                "translate": [0.1, 0.2],
                "scale": [0.9, 1.1],
                "shear": 0.2,
                "p": 0.6,
            },
            {"affine.degrees": 3.0, "affine.translate": (0.1, 0.2), "affine.p": 0.6},
        ),
        (
            "RandomPerspective",
            {"apply": True, "distortion_scale": 0.3, "p": 0.5},
            {"perspective.p": 0.5, "perspective.distortion": 0.3},
        ),
        (
            "RandomSolarize",
            {"apply": True, "threshold": 100, "p": 0.2},
            {"solarise.p": 0.2, "solarise.threshold": 100.0},
        ),
        (
            "RandomErasing",
            {"apply": True, "scale": [0.1, 0.2], "ratio": [0.5, 2], "value": 1, "p": 0.5},
            {"erasing.p": 0.5, "erasing.area": (0.1, 0.2), "erasing.value": 1.0},
        ),
        (
            "RandomCrop",
            {"apply": True, "height": 224, "width": 224, "padding": -1},
            {"crop_padding_px": 0},
        ),
        (
            "CenterCrop",
            {"apply": True, "height": 224, "width": 224},
            {"middle_first": True},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_block_becomes_its_part_of_the_augmentation(
    imported: Import, block: str, content: Any, expected: dict[str, Any]
) -> None:
    augment = config_of(imported(**{TRAIN + block: content})).augment
    for path, value in expected.items():
        found: Any = augment
        for part in path.split("."):
            found = getattr(found, part)
        assert found == value, path


def test_what_an_absent_block_changes_is_told(imported: Import) -> None:
    rows = {row.key: row for row in imported(**{f"{TRAIN}ColorJitter": ...}).rows}
    row = rows["dataset_params.train_transforms.ColorJitter.apply"]
    assert (row.value, row.became) == ("absent", "--set augment.jitter=0.0")


def test_other_sizes_become_side_and_share(imported: Import) -> None:
    sides = {}
    for split in ("train", "val", "test"):
        block = f"dataset_params__{split}_transforms__"
        sides[f"{block}Resize"] = {"apply": True, "height": 144, "width": 144}
        sides[f"{block}CenterCrop"] = {"apply": split != "train", "height": 128, "width": 128}
    config = config_of(
        imported(
            **sides,
            **{f"{TRAIN}RandomResizedCrop__size": 128},
            model_params__transformers_params__img_size=[128],
        )
    )
    assert config.image_size_px == 128
    assert round(128 / config.crop_fraction) == 144


def test_a_crop_from_a_picture_of_the_inputs_side_is_told_to_resize_once(imported: Import) -> None:
    sides = {
        f"dataset_params__{split}_transforms__Resize": {"apply": True, "height": 224, "width": 224}
        for split in ("train", "val", "test")
    }
    result = imported(**sides)
    rows = {row.key: row.became for row in result.rows}
    crop = rows["dataset_params.train_transforms.RandomResizedCrop.apply"]
    assert crop == "the crop is cut from the original pixels"
    assert result.selection.overrides["crop_fraction"] == "1.0"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({f"{OPTIMIZER}params__lr": 3e-4}, {"optimizer.lr": "0.0003"}),
        ({f"{OPTIMIZER}autoscale_lr": True}, {"optimizer.lr": "2.5e-05"}),
        (
            {
                f"{OPTIMIZER}autoscale_lr": True,
                "optimization_params__default__effective_batch_size": 64,
            },
            {},
        ),
        (
            {
                f"{OPTIMIZER}type": "SGD",
                f"{OPTIMIZER}params__momentum": 0.5,
                f"{OPTIMIZER}params__dampening": 0,
                f"{OPTIMIZER}params__nesterov": False,
            },
            {"optimizer.name": "sgd", "optimizer.momentum": "0.5"},
        ),
        (
            {f"{OPTIMIZER}type": "SGD"},
            {"optimizer.name": "sgd", "optimizer.momentum": "0.0"},
        ),
        (
            {f"{OPTIMIZER}type": "AdamW", f"{OPTIMIZER}params": {"lr": 1e-4}},
            {"optimizer.name": None, "optimizer.weight_decay": "0.01"},
        ),
        ({f"{LARS}use": True}, {}),
        (
            {f"{LARS}use": True, f"{LARS}batch_act_thresh": 64},
            {"optimizer.lars_trust": "0.001"},
        ),
        (
            {"system_params__which_GPUs": "0, 3", f"{OPTIMIZER}autoscale_lr": True},
            {"batch_size": "128", "optimizer.lr": "5e-05"},
        ),
        ({"training_params__grad_clipping": False}, {"clip_norm": "0.0"}),
        ({"training_params__use_mixed_precision": True}, {"precision": "fp16"}),
        ({"training_params__val_every": 1}, {"val_every": "1.0"}),
        ({"training_params__epochs": 60}, {"epochs": "60"}),
        ({"model_params__freeze_backbone": True}, {"freeze_backbone": "true"}),
        ({"dataloader_params__trainloader__drop_last": ...}, {"drop_last": "false"}),
        (
            {
                "dataloader_params__valloader__drop_last": True,
                "dataloader_params__valloader__shuffle": True,
            },
            {"val_batches": "full_batches_shuffled"},
        ),
    ],
)
def test_what_differs_from_the_study_becomes_an_override(
    imported: Import, changes: dict[str, Any], expected: dict[str, str | None]
) -> None:
    result = imported(**changes)
    usual: dict[str, str | None] = {"optimizer.name": "adam", "schedule.stop_below_lr": "0.0"}
    wanted = {key: text for key, text in (usual | expected).items() if text is not None}
    assert result.selection.overrides == wanted
    config_of(result)
    told = " ".join(row.became for row in result.rows)
    assert all(f"--set {key}={text}" in told for key, text in wanted.items())


def test_several_devices_become_ranks(imported: Import) -> None:
    result = imported(system_params__which_GPUs="0,1")
    assert result.command.endswith("--gpus-per-worker 1 --workers-per-trial 2")
    assert imported(system_params__use_GPU=False).options == ()


def test_the_number_of_a_run_asks_for_the_runs_up_to_it(imported: Import) -> None:
    assert imported(training_params__model_name="deit-run_3").selection.replicates == 3
    assert imported(training_params__model_name="run_3").selection.replicates == 1


def test_a_file_that_never_ends_its_warmup_is_imported_with_a_warning(imported: Import) -> None:
    """The repository's own file is one: two epochs of 40 steps, 1000 of warm-up."""
    result = imported(training_params__epochs=2)
    assert result.selection.overrides["epochs"] == "2"
    (warning,) = result.warnings
    assert "these 80 optimizer steps end before the warm-up, which takes 1000" in warning
    assert "26 epochs or more" in warning
