"""What becomes of the overrides of the repository of medvlsm."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from hydra_samples import LAUNCHED, imported, save, saved_config, words

from orchestrator.import_hydra import import_hydra
from orchestrator.import_hydra.originals import DATASETS, ORIGINALS
from orchestrator.import_hydra.schema import known_keys
from orchestrator.import_params import Imported, ImportParamsError
from orchestrator.overrides import overridden
from orchestrator.selection import Selection
from search_spaces.medvlsm import STUDY
from trainables.config import flatten
from trainables.errors import XenograftError

CNN = {"datamodule__batch_size": None, "model__optimizer__lr": None, "prompt_type": None}


def became(done: Imported) -> dict[str, str]:
    return {row.key: row.became for row in done.rows}


def test_what_the_launch_script_runs_is_a_cell_of_the_study() -> None:
    done = imported()
    assert done.selection == Selection(
        study="medvlsm",
        only={
            "experiment": ("finetune",),
            "model": ("clipseg",),
            "dataset": ("kvasir_polyp",),
            "prompt": ("p1",),
        },
        recipe="paper",
        replicates=1,
    )
    assert done.options == ("--gpus-per-worker", "1")
    assert not done.warnings


def test_every_override_is_a_row_in_its_order() -> None:
    done = imported()
    assert [row.key for row in done.rows] == list(LAUNCHED)
    assert not [row for row in done.rows if row.became.endswith(": ")]


def test_a_command_without_the_scripts_values_has_those_of_the_repositorys_files() -> None:
    done = imported(model__optimizer__lr=None, datamodule__batch_size=None)
    assert done.selection.overrides == {"optimizer.lr": "0.0002", "batch_size": "16"}
    assert became(done)["model.optimizer.lr"] == "--set optimizer.lr=0.0002"


OVERRIDES = [
    ({"datamodule__batch_size": "32"}, {"batch_size": "32"}),
    ({"trainer__devices": "[0,1]"}, {"batch_size": "256"}),
    ({"trainer__devices": "2"}, {"batch_size": "256"}),
    ({"model__optimizer__weight_decay": "0.01"}, {"optimizer.weight_decay": "0.01"}),
    ({"model__optimizer___target_": "torch.optim.SGD"}, {"optimizer.name": "sgd"}),
    ({"model__scheduler__patience": "3"}, {"schedule.patience": "3"}),
    ({"model__scheduler__factor": "0.5"}, {"schedule.factor": "0.5"}),
    ({"model__loss_fn__lambda_ce": "1"}, {"loss.lambda_ce": "1.0"}),
    ({"model__loss_fn___target_": "src.losses.TunedDiceLoss"}, {"loss.name": "tuned_dice"}),
    ({"model__threshold": "0.35"}, {"threshold": "0.35"}),
    ({"img_size": "224"}, {"image_size_px": "224"}),
    ({"img_size": "[224, 224]"}, {"image_size_px": "224"}),
    ({"override_prompt": "'a polyp, red'"}, {"prompt.override": "a polyp, red"}),
    ({"train_data_num": "0.25"}, {"train_fraction": "0.25"}),
    ({"trainer__max_epochs": "50"}, {"epochs": "50"}),
    ({"trainer__min_epochs": "5"}, {"early_stopping.min_epochs": "5"}),
    ({"trainer__gradient_clip_val": "1"}, {"clip_norm": "1.0"}),
    ({"trainer__precision": "32"}, {"precision": "fp32"}),
    ({"trainer__precision": "bf16-mixed"}, {"precision": "bf16"}),
    ({"callbacks__early_stopping__patience": "7"}, {"early_stopping.patience": "7"}),
    ({"callbacks__early_stopping__min_delta": "0"}, {"early_stopping.min_delta": "0"}),
    ({"output_masks_dir": "masks"}, {"masks": "true"}),
    ({"seed": "7", "test": "false", "hydra__run__dir": "x", "extras__print_config": "x"}, {}),
    ({"model__net__freeze_encoder": "true"}, {}),
    ({"img_mean": "[0.485, 0.456, 0.406]", "context_length": "77"}, {}),
    ({"prompt_type": "p1", "ckpt_path": "null", "class_name": "null", "debug": "null"}, {}),
]


@pytest.mark.parametrize(("changes", "expected"), OVERRIDES, ids=lambda v: str(v)[:60])
def test_a_key_becomes_the_override_it_is(
    changes: dict[str, str], expected: dict[str, str]
) -> None:
    assert imported(**changes).selection.overrides == expected


@pytest.mark.parametrize(("changes", "expected"), OVERRIDES, ids=lambda v: str(v)[:60])
def test_an_override_changes_what_it_names_and_nothing_else(
    changes: dict[str, str], expected: dict[str, str]
) -> None:
    assert changed_keys(imported(**changes).selection) == set(expected)


def changed_keys(selection: Selection) -> set[str]:
    """Return the keys of a cell's config that its overrides change."""
    (experiment,), *_ = selection.only.values()
    levels = {name: level for name, (level,) in selection.only.items() if name != "experiment"}
    recipe = STUDY.experiment(experiment).configure(levels)
    assert recipe is not None
    before = flatten(recipe.config)
    after = flatten(overridden(recipe.config, selection.overrides))
    return {key for key in before if before[key] != after[key]}


PLACES = [
    ({"experiment": "cris", "model__optimizer__lr": "2e-5", "datamodule__batch_size": "32"},
     "finetune", {"model": "cris", "dataset": "kvasir_polyp", "prompt": "p1"}),
    ({"experiment": "cris", "datamodule": "img_txt_mask/camus", "prompt_type": "p7",
      "model__net__freeze_encoder": "true"},
     "frozen_encoders", {"model": "cris", "dataset": "camus", "prompt": "p7"}),
    ({"datamodule": "img_txt_mask/isic.yaml"},
     "finetune", {"model": "clipseg", "dataset": "isic2016", "prompt": "p1"}),
    ({"datamodule": "img_txt_mask/pooled_polyp.yaml"},
     "pooled_training", {"model": "clipseg", "pool": "pooled_polyp", "prompt": "p1"}),
    ({"datamodule": "img_txt_mask/pooled_all.yaml", "prompt_type": "random"},
     "pooled_training", {"model": "clipseg", "pool": "pooled_all", "prompt": "random"}),
    ({"datamodule": "img_txt_mask/etis_polyp.yaml", "use_ckpt": "false"},
     "zero_shot", {"model": "clipseg", "dataset": "etis_polyp", "prompt": "p1"}),
    ({**CNN, "experiment": "unet", "datamodule": "img_mask/dfu.yaml"},
     "cnn_individual", {"model": "unet", "dataset": "dfu"}),
    ({**CNN, "experiment": "unetpp", "datamodule": "img_mask/camus.yaml", "class_name": "mask_2"},
     "cnn_structures", {"model": "unetpp", "structure": "myocardium"}),
    ({**CNN, "experiment": "deeplabv3plus", "datamodule": "img_mask/busi", "class_name": "benign"},
     "cnn_structures", {"model": "deeplabv3plus", "structure": "benign"}),
    ({**CNN, "experiment": "unet", "datamodule": "img_mask/pooled_all.yaml",
      "model__net__classes": "17"},
     "pooled_training", {"model": "unet", "pool": "pooled_all", "prompt": "none"}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "experiment", "levels"), PLACES, ids=lambda v: str(v)[:60])
def test_a_run_is_found_in_the_table_it_belongs_to(
    changes: dict[str, str | None], experiment: str, levels: dict[str, str]
) -> None:
    only = imported(**changes).selection.only
    assert only == {
        "experiment": (experiment,), **{name: (level,) for name, level in levels.items()}
    }  # fmt: skip


def test_released_settings_of_every_network_differ_from_the_study_in_nothing() -> None:
    launched = dict.fromkeys(("clipseg", "biomed_clipseg", "biomed_clipseg_d"), ("2e-3", "128"))
    launched["cris"] = ("2e-5", "32")
    for name, (lr, batch) in launched.items():
        done = imported(experiment=name, model__optimizer__lr=lr, datamodule__batch_size=batch)
        assert done.selection.overrides == {}
    for name in ("unet", "unetpp", "deeplabv3plus"):
        done = imported(**CNN, experiment=name, datamodule="img_mask/kvasir_polyp.yaml")
        assert done.selection.overrides == {}


@pytest.mark.parametrize(
    ("experiment", "decoder", "model"),
    [
        ("biomed_clipseg", None, "biomed_clipseg"),
        ("biomed_clipseg", "false", "biomed_clipseg_d"),
        ("biomed_clipseg_d.yaml", None, "biomed_clipseg_d"),
        ("biomed_clipseg_d.yaml", "true", "biomed_clipseg"),
        ("clipseg", "true", "clipseg"),
    ],
)
def test_where_the_decoder_starts_tells_two_networks_apart(
    experiment: str, decoder: str | None, model: str
) -> None:
    done = imported(experiment=experiment, model__net__rand_init_decoder=decoder)
    assert done.selection.only["model"] == (model,)


def test_networks_and_data_sets_are_those_of_the_study() -> None:
    levels = {f.name: set(f.levels) for e in STUDY.experiments for f in e.factors}
    models = {level for e in STUDY.experiments for f in e.factors if f.name == "model"
              for level in f.levels}  # fmt: skip
    assert {original.card for original in ORIGINALS.values()} == models == set(ORIGINALS)
    tested = {level for e in STUDY.experiments for f in e.factors
              if f.name in ("dataset", "pool") for level in f.levels}  # fmt: skip
    assert set(DATASETS.values()) == tested - {"busi_tumours"}
    assert levels["space"] >= {"published"}


def test_the_sweep_leaves_to_the_search_what_it_searches() -> None:
    done = imported(
        hparams_search="clipseg_optuna.yaml", hydra__sweeper__n_trials="5", prompt_type="p2",
        model__optimizer__lr=None,
    )  # fmt: skip
    assert done.selection.only == {"experiment": ("sweep",), "space": ("published",)}
    assert (done.selection.recipe, done.selection.search_trials) == ("search", 5)
    assert done.selection.overrides == {"prompt.type": "p2"}
    assert became(done)["datamodule.batch_size"] == "not needed: searched"


def test_a_sweep_on_another_set_is_the_same_sweep_there() -> None:
    done = imported(hparams_search="clipseg_optuna", datamodule="img_txt_mask/camus")
    assert done.selection.overrides == {"data.name": "camus"}
    assert changed_keys(done.selection) == {"data.name"}


def test_an_evaluation_by_its_script_is_zero_shot_too() -> None:
    by_script = import_hydra(["python", "src/eval.py", *words(use_ckpt="False")])
    assert by_script.selection == imported(use_ckpt="false", task_name="pred").selection
    untrained = became(by_script)["model.optimizer.lr"]
    assert untrained == "not needed: nothing is trained"


def test_a_cpu_needs_no_option() -> None:
    assert imported(trainer__accelerator="cpu").options == ()


def test_devices_become_workers_each_with_a_batch() -> None:
    done = imported(trainer__devices="[1, 3]")
    assert done.options == ("--gpus-per-worker", "1", "--workers-per-trial", "2")


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"train_data_num": "0.5"}, "train_data_num = 0.5: .*; the original reads it for pooled"),
        ({"override_prompt": "a polyp"}, "override_prompt: the original hands it to pooled data"),
    ],
)
def test_what_the_original_would_not_have_done_is_a_warning(
    changes: dict[str, str], warning: str
) -> None:
    (said,) = imported(**changes).warnings
    assert re.match(warning, said)


WRONG: list[tuple[dict[str, str | None], str]] = [
    ({"prompt_typ": "p1"}, "prompt_typ: there is no such key. Did you mean 'prompt_type'"),
    ({"lr": "1"}, "lr: there is no such key. Did you mean 'model.optimizer.lr'"),
    ({"quite_else": "1"}, "quite_else: there is no such key. Begin with one of experiment, "),
    ({"experiment": None}, "experiment: is missing; the networks are clipseg, "),
    ({"experiment": "clipsegg"}, 'experiment = "clipsegg": there is no such network. Did you '),
    ({"datamodule": None}, "datamodule: is missing, such as img_txt_mask/"),
    ({"datamodule": "kvasir_polyp"}, 'datamodule = "kvasir_polyp": must be img_txt_mask/'),
    ({"datamodule": "img_txt_mask/kvasir"}, "there is no such data set. Did you mean 'kvasir_p"),
    ({"datamodule": "img_mask/kvasir_polyp"}, "clipseg reads prompts: use img_txt_mask/"),
    ({"experiment": "unet"}, "unet reads no prompts: use img_mask/"),
    ({"prompt_type": None}, "prompt_type: is missing; kvasir_polyp has p0, "),
    ({"prompt_type": "p10"}, 'prompt_type = "p10": kvasir_polyp has no such prompt. Did you'),
    ({"prompt_type": "p1,p2"}, "prompt_type=p1,p2: stands for several runs"),
    ({"prompt_type": "[p1]"}, 'prompt_type: must be a text, got ["p1"]'),
    ({"prompt_type": "${x}"}, 'prompt_type: "${x}" refers to another value'),
    ({"datamodule": "img_txt_mask/etis_polyp"}, "has no cell with model=clipseg, prompt=p1, data"),
    ({"zero_prompt": "true"}, "zero_prompt = true: read by nothing in the original"),
    ({"train_data_num": "100"}, "train_data_num = 100: a number of cases has no equivalent"),
    ({"train_data_num": "0.0"}, "train_data_num = 0.0: a number of cases"),
    ({"img_size": "[224,200]"}, "img_size = [224, 200]: must be one side or two equal ones"),
    ({"img_size": "big"}, 'img_size = "big": must be one side'),
    ({"img_mean": "[0,0,0]"}, "img_mean = [0, 0, 0]: the network's card has [0.485"),
    ({"tokenizer_type": "biomedclip"}, 'tokenizer_type = "biomedclip": clipseg has its own'),
    ({"context_length": "20"}, "context_length = 20: clipseg has its own: 77 belongs to it"),
    ({"model__optimizer__lr": "0"}, "model.optimizer.lr = 0: must be above 0"),
    ({"model__optimizer__lr": "-1"}, "model.optimizer.lr: must be from 0 to 1e+09, got -1"),
    ({"model__optimizer__lr": "fast"}, 'model.optimizer.lr: must be a number, got "fast"'),
    ({"model__optimizer___target_": "torch.optim.RAdam"}, "RAdam\": not known. Did you mean 'tor"),
    ({"model__optimizer__betas": "[0.5,0.9]"}, "betas = [0.5, 0.9]: only [0.9, 0.999] is supp"),
    ({"model__scheduler___target_": "X"}, 'model.scheduler._target_ = "X": only torch.optim.lr'),
    ({"model__scheduler__factor": "1.5"}, "schedule.factor must be in (0, 1)"),
    ({"model__loss_fn___target_": "X"}, 'model.loss_fn._target_ = "X": not known.'),
    ({"model__threshold": "2"}, "model.threshold: must be from 0 to 1, got 2"),
    ({"model__threshold": "1"}, "threshold must be in [0, 1)"),
    ({"model__multi_class": "true"}, "model.multi_class = true: the original stops with"),
    ({"model__net__freeze_decoder": "true"}, "freeze_decoder = true: nothing is left to train"),
    ({"model__net__num_layers": "4"}, "model.net.num_layers = 4: only 3 is supported"),
    ({"extras__clipseg_hf_api": "x/y"}, 'clipseg_hf_api = "x/y": only "CIDAS/clipseg-rd64'),
    ({"trainer__precision": "64"}, "trainer.precision = 64: not known."),
    ({"trainer__accelerator": "tpu"}, 'trainer.accelerator = "tpu": must be gpu or cpu'),
    ({"trainer__devices": "auto"}, 'trainer.devices = "auto": how many these are decides'),
    ({"trainer__devices": "-1"}, "trainer.devices = -1: how many these are decides"),
    ({"trainer__max_epochs": "0"}, "trainer.max_epochs: must be from 1 to 1e+09, got 0"),
    ({"trainer__limit_train_batches": "0.1"}, "limit_train_batches = 0.1: only 1.0 is supported"),
    ({"callbacks__early_stopping__monitor": "val/loss"}, 'monitor = "val/loss": only "val/dice'),
    ({"ckpt_path": "last.ckpt"}, 'ckpt_path = "last.ckpt": checkpoints of the original cannot'),
    ({"train": "false"}, "train = false: checkpoints of the original cannot"),
    ({"use_ckpt": "true"}, "use_ckpt: an evaluation without a checkpoint of the original is zero-"),
    ({"debug": "default"}, 'debug = "default": leave it out'),
    ({"hparams_search": "other"}, 'hparams_search = "other": only clipseg_optuna'),
    (
        {**CNN, "experiment": "unet", "datamodule": "img_mask/camus"},
        "class_name: is missing: one network is trained per structure of camus, mask_1, mask_2",
    ),
    (
        {**CNN, "experiment": "unet", "datamodule": "img_mask/camus", "class_name": "mask_4"},
        'class_name = "mask_4": camus has mask_1, mask_2, mask_3',
    ),
    (
        {**CNN, "experiment": "unet", "datamodule": "img_mask/busi", "class_name": "normal"},
        "datamodule, class_name: study 'medvlsm' has no cell with model=unet, structure=normal",
    ),
    (
        {**CNN, "experiment": "unet", "datamodule": "img_mask/pooled_all"},
        "model.net.classes: must be 17 for pooled_all",
    ),
    (
        {**CNN, "experiment": "unet", "datamodule": "img_mask/dfu", "use_ckpt": "false"},
        'experiment = "unet": unet is always trained',
    ),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=lambda v: str(v)[:60])
def test_what_cannot_be_translated_is_named(changes: dict[str, str | None], message: str) -> None:
    with pytest.raises(ImportParamsError) as refused:
        imported(**changes)
    first, *lines = str(refused.value).splitlines()
    assert first == "the command cannot be imported:"
    assert message in "\n".join(lines)


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ImportParamsError) as refused:
        import_hydra([*words(zero="1", model__threshold="2"), "word", "~seed", "x=1,2"])
    lines = str(refused.value).splitlines()[1:]
    assert sorted(line.split(":")[0].strip() for line in lines) == [
        "- model.threshold", "- word", "- x=1,2", "- zero", "- ~seed"
    ]  # fmt: skip


def test_the_config_of_a_run_says_the_same_as_its_overrides(tmp_path: Path) -> None:
    folder = save(tmp_path, saved_config())
    by_config, by_overrides = (
        import_hydra([str(place)])
        for place in (folder, folder / ".hydra" / "overrides.yaml")
    )  # fmt: skip
    assert by_config.selection == by_overrides.selection == imported().selection
    rows = became(by_config)
    assert rows["datamodule.train_dataset.*"] == "dataset=kvasir_polyp"
    assert rows["data_root"] == "xenograft prepare kvasir_polyp --source DIR"
    assert not [became for became in rows.values() if became.endswith(": ")]


def test_what_was_changed_in_files_is_seen_in_the_config_of_a_run(tmp_path: Path) -> None:
    config = saved_config()
    config["model"]["optimizer"]["lr"] = 0.1
    folder = save(tmp_path, config)
    assert import_hydra([str(folder)]).selection.overrides == {"optimizer.lr": "0.1"}
    again = import_hydra([str(folder), "model.optimizer.lr=0.002"])
    assert again.selection.overrides == {}


def test_pooled_data_are_known_by_the_sets_they_list(tmp_path: Path) -> None:
    config = saved_config()
    one = config["datamodule"]["train_dataset"]
    names = ("kvasir_polyp", "clinicdb_polyp", "bkai_polyp")
    config["datamodule"]["train_dataset"] = [
        {**one, "caps_file": f"${{data_root}}/{name}/anns/train.json"} for name in names
    ]
    done = import_hydra([str(save(tmp_path, config))])
    assert done.selection.only["pool"] == ("pooled_polyp",)
    del config["datamodule"]["train_dataset"][0]
    with pytest.raises(ImportParamsError, match="the pools are pooled_polyp"):
        import_hydra([str(save(tmp_path, config))])


def test_augmentation_in_a_file_is_refused(tmp_path: Path) -> None:
    config = saved_config()
    flip = {"_target_": "torchvision.transforms.RandomHorizontalFlip"}
    config["train_img_transforms"] = {**config["img_transforms"], "transforms": [flip]}
    with pytest.raises(ImportParamsError, match=r"train_img_transforms.*RandomHorizontalFlip"):
        import_hydra([str(save(tmp_path, config))])


def _mutated(config: Any, rng: random.Random) -> Any:
    """Change, drop or add one thing somewhere."""
    odd = [None, True, -1, 0, 10**400, float("nan"), float("inf"), "", "${x}", "\0", [], {}, [[]],
           "p" * 300, {"a": 1}, "img_mask/busi", 1.5, "mask_1"]  # fmt: skip
    if isinstance(config, dict) and config and rng.random() < 0.9:
        key = rng.choice(list(config))
        roll = rng.random()
        if roll < 0.15:
            return {name: value for name, value in config.items() if name != key}
        if roll < 0.25:
            return {**config, rng.choice(["x", "lr", "net", "a.b"]): rng.choice(odd)}
        return {**config, key: _mutated(config[key], rng)}
    if isinstance(config, list) and config and rng.random() < 0.5:
        return [*config[1:], _mutated(config[0], rng)]
    return rng.choice(odd)


def test_no_file_gives_a_traceback(tmp_path: Path) -> None:
    rng = random.Random(0)
    fates = {"imported": 0, "refused": 0}
    for _ in range(40):
        config = saved_config()
        for _ in range(rng.randrange(1, 4)):
            config = _mutated(config, rng)
        try:
            import_hydra([str(save(tmp_path, config))])
            fates["imported"] += 1
        except XenograftError:
            fates["refused"] += 1
    assert min(fates.values()) > 4


def test_no_command_gives_a_traceback() -> None:
    rng = random.Random(1)
    values = ["", "p1", "null", "[", "]", "[]", "[0,1]", "{a: 1}", "1e999", "-1", "0", "9" * 400,
              "true", "nan", "${a}", "'", "a,b", "img_mask/camus", "\0", "unet"]  # fmt: skip
    keys = [*known_keys(), "", "~x", "+seed", "a b", "hydra.x", "@", "."]
    refused = 0
    for _ in range(400):
        asked = words()
        for _ in range(rng.randrange(1, 4)):
            asked.append(f"{rng.choice(keys)}={rng.choice(values)}")
        rng.shuffle(asked)
        try:
            import_hydra(asked[: rng.randrange(1, len(asked) + 1)])
        except XenograftError:
            refused += 1
    assert 100 < refused < 400
