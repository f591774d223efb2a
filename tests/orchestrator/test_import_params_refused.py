"""What a params.json says wrong, or what has no equivalent, is named and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from params_samples import LARS, OPTIMIZER, SCHEDULER, TRAIN, Import, importer

from orchestrator.import_params import ImportParamsError, import_params
from trainables.errors import ConfigError


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    return importer(tmp_path)


WRONG = [
    ({"training_params__epochz": 3}, r"training_params.epochz: there is no such key. Did you .*"),
    ({"trainingparams__x": 3}, r"trainingparams.x: there is no such key. Did you mean"),
    ({"foo": 3}, r"foo: there is no such key. Sections: dataset_params, .*"),
    ({f"{TRAIN}ColorJitter": True}, r"ColorJitter: must be an object with apply, .*, got true"),
    ({f"{TRAIN}Resize__height": {"x": 1}}, r"got an object"),
    ({"dataset_params__train_transforms": [{}, {}]}, r"self-supervised"),
    ({"training_params__epochs": "2"}, r'epochs: must be a whole number, got "2"'),
    ({"training_params__epochs": True}, r"epochs: must be a whole number, got true"),
    ({"training_params__epochs": 2.5}, r"epochs: must be a whole number, got 2.5"),
    ({"training_params__epochs": 0}, r"epochs: must be at least 1, got 0"),
    ({"training_params__epochs": ...}, r"training_params.epochs: is missing"),
    ({"training_params__val_every": float("nan")}, r"val_every: must be a number"),
    ({"training_params__val_every": float("inf")}, r"val_every = Infinity: .*use 1 or less"),
    ({"training_params__val_every": 2}, r"val_every = 2: it is validated at least once"),
    ({"training_params__val_every": 0}, r"val_every = 0: must be above 0"),
    ({"training_params__val_every": 0.01}, r"less than one of the 40 .*; the least is 0.025"),
    ({"training_params__grad_clipping": True}, r"grad_clipping: must be a number or false"),
    ({"training_params__save_best_model": False}, r"save_best_model = false: .*use true"),
    ({"training_params__restore_session": True}, r"restore_session = true: .*xenograft resume"),
    ({"training_params__model_name": "a-run_1-run_2"}, r"more than one -run_"),
    ({"dataset_params__dataset": "APTOS"}, r"dataset: must be one of APTOS2019, DDSM"),
    ({"model_params__backbone_type": "resnet34"}, r'"resnet34": the study has deit_tiny, .*'),
    ({"model_params__backbone_type": "swin_small"}, r'"swin_small": the study has'),
    (
        {"model_params__backbone_type": "deit_tiny", "dataset_params__dataset": "DDSM"},
        r"has no cell with dataset=ddsm, model=deit_t, init=st. It has main: .*; capacity: .*",
    ),
    (
        {"model_params__wtst_init__transfer_up_to_layer": 13},
        r"transfer_up_to_layer = 13: deit_small has levels -2 to 12",
    ),
    ({"model_params__wtst_init__transfer_up_to_layer": ...}, r"up_to_layer: is missing"),
    ({"model_params__transformers_params__pretrained_type": "dino"}, r'type = "dino": .*superv'),
    ({"model_params__transformers_params__patch_size": 8}, r"patch_size = 8: deit_small has 16"),
    ({"model_params__transformers_params__img_size": [256]}, r"img_size = \[256\]: .*side, 224"),
    ({"model_params__transformers_params__drop_path_rate": 0.1}, r"rate = 0.1: deit_small has 0"),
    ({f"{OPTIMIZER}type": "RAdam"}, r'"RAdam": the optimizers are Adam, AdamW, SGD'),
    ({f"{OPTIMIZER}params__betas": [0.8, 0.9]}, r"betas = .*: only \[0.9, 0.999\] is supported"),
    ({f"{OPTIMIZER}params__momentum": 0.9}, r"momentum = 0.9: Adam has no such argument"),
    ({f"{OPTIMIZER}params__lr": 0}, r"params.lr = 0: must be above 0"),
    ({f"{OPTIMIZER}params__lr": 0, "training_params__val_every": 2}, r"lr = 0.*\n.*val_every = 2"),
    ({LARS[:-2]: {"use": True}}, r"use = true: batch_act_thresh and trust_coef must be there"),
    ({f"{SCHEDULER}type": ["OneCycle"]}, r'must be one of LinearWarmup, .*, got "OneCycle"'),
    ({f"{SCHEDULER}type": ["LinearWarmup", "OneCycleLR"]}, r"OneCycleLR has its own rise"),
    ({f"{SCHEDULER}type": ["OneCycleLR"]}, r"cycle_momentum: is true unless .*: use false"),
    ({f"{SCHEDULER}type": ["MultiStepLR", "ReduceLROnPlateau"]}, r"these are 2"),
    ({f"{SCHEDULER}type": ["LinearWarmup"] * 2}, r"a scheduler is listed twice"),
    ({f"{SCHEDULER}type": "MultiStepLR", f"{SCHEDULER}params": {}}, r"MultiStepLR.gamma: is miss"),
    (
        {f"{SCHEDULER}type": "MultiStepLR", f"{SCHEDULER}params__MultiStepLR__milestones": [3, 2]},
        r"milestones = \[3, 2\]: must be epochs that rise",
    ),
    ({f"{SCHEDULER}params__ReduceLROnPlateau__cooldown": 2}, r"cooldown = 2: only 0 is supported"),
    ({f"{SCHEDULER}params__ReduceLROnPlateau__factor": 1}, r"plateau|factor"),
    (
        {
            f"{SCHEDULER}params__ReduceLROnPlateau__mode": "min",
            "dataloader_params__valloader__batch_size": 32,
        },
        r"valloader.batch_size = 32: the loss a plateau judges is the mean over batches of 64",
    ),
    ({f"{TRAIN}MultiCrop__apply": True}, r"MultiCrop.apply = true: several views"),
    ({f"{TRAIN}Normalize": False}, r"Normalize = false: pictures are always normalised"),
    ({f"{TRAIN}Resize__apply": False}, r"Resize.apply = false: pictures are always resized"),
    ({f"{TRAIN}Resize__width": 300}, r"Resize.width = 300: .* it must be the height, 256"),
    ({f"{TRAIN}Resize__height": ...}, r"train_transforms.Resize.height: is missing"),
    (
        {"dataset_params__val_transforms__CenterCrop__apply": False},
        r"val_transforms.Resize.height = 256: the input must be as large as in training, 224",
    ),
    (
        {"dataset_params__test_transforms__VerticalFlip": {"apply": True, "p": 0.5}},
        r"test_transforms.VerticalFlip.apply = true: .*use false",
    ),
    ({f"{TRAIN}RandomCrop__apply": True}, r"RandomCrop.height = 32: must be the input's side"),
    ({f"{TRAIN}ColorJitter__hue": 0.7}, r"ColorJitter.hue: must be from 0 to 0.5, got 0.7"),
    ({"dataloader_params__trainloader__shuffle": False}, r"trainloader.shuffle = false"),
    ({"dataloader_params__valloader__drop_last": True}, r"valloader.drop_last = true"),
    ({"dataloader_params__trainloader__batch_size": 4000}, r"there are 2564 training pictures"),
    ({"system_params__use_all_GPUs": True}, r"use_all_GPUs = true: how many .*list them"),
    ({"system_params__which_GPUs": ""}, r'which_GPUs = "": list the devices'),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=lambda v: str(v)[:60])
def test_what_cannot_be_translated_is_named(
    imported: Import, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ImportParamsError, match=message) as refused:
        imported(**changes)
    assert str(refused.value).splitlines()[0].endswith("params.json cannot be imported:")


def test_all_unknown_keys_are_named_in_one_message(imported: Import) -> None:
    with pytest.raises(ImportParamsError) as refused:
        imported(training_params__epoch=3, model_params__backbone="x", log_params__y=1)
    lines = str(refused.value).splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == [
        "  - training_params.epoch",
        "  - log_params.y",
        "  - model_params.backbone",
    ]
    assert "Did you mean 'training_params.epochs'" in lines[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"params.json:1: is not JSON: expecting property name"),
        (b"[1]", r"must be a JSON object with sections"),
        (b'{"a": 1, "a": 2}', r"the key 'a' is there twice"),
        (b"\xff\xfe", r"is not a text file in UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "params.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        import_params(file)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"params.json: cannot be read: No such file"):
        import_params(tmp_path / "params.json")
