"""Commands and a run's config.yaml as users of the repository of medvlsm have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from orchestrator.import_hydra import import_hydra
from orchestrator.import_params import Imported

LAUNCHED = {
    "experiment": "clipseg.yaml",
    "experiment_name": "clipseg_ft_kvasir_polyp_p1",
    "datamodule": "img_txt_mask/kvasir_polyp.yaml",
    "datamodule.batch_size": "128",
    "model.optimizer.lr": "0.002",
    "trainer.accelerator": "gpu",
    "trainer.precision": "16-mixed",
    "trainer.devices": "[0]",
    "prompt_type": "p1",
    "logger": "wandb.yaml",
    "tags": "[clipseg, kvasir_polyp, finetune, p1]",
}
"""Overrides of the script that fine-tunes."""


def words(**changes: str | None) -> list[str]:
    """Return the overrides of that script, changed: __ is a dot, None leaves one out."""
    asked = {**LAUNCHED, **{key.replace("__", "."): value for key, value in changes.items()}}
    return [f"{key}={value}" for key, value in asked.items() if value is not None]


def imported(**changes: str | None) -> Imported:
    """Import these overrides."""
    return import_hydra(words(**changes))


def _dataset(name: str, split: str) -> dict[str, Any]:
    return {
        "_target_": "src.datamodules.datasets.ImageTextMaskDataset",
        "tokenizer_type": "${tokenizer_type}",
        "prompt_type": "${prompt_type}",
        "images_dir": f"${{data_root}}/{name}/images",
        "masks_dir": f"${{data_root}}/{name}/masks",
        "caps_file": f"${{data_root}}/{name}/anns/{split}.json",
        "img_size": "${img_size}",
        "context_length": "${context_length}",
        "img_transforms": f"${{{split}_img_transforms}}",
        "mask_transforms": f"${{{split}_mask_transforms}}",
    }


def _resize(*after: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    resize = {"_target_": "torchvision.transforms.Resize", "size": "${img_size}", **arguments}
    to_tensor = {"_target_": "torchvision.transforms.ToTensor"}
    return {
        "_target_": "torchvision.transforms.Compose",
        "transforms": [resize, to_tensor, *after],
    }


def saved_config() -> dict[str, Any]:
    """Return the config.yaml of the run that the overrides start, of CLIPSeg on Kvasir-SEG."""
    normalise = {"_target_": "torchvision.transforms.Normalize", "mean": "${img_mean}"}
    normalise["std"] = "${img_std}"
    splits = {f"{s}_dataset": _dataset("kvasir_polyp", s) for s in ("train", "val", "test")}
    transforms = {
        f"{split}_{kind}_transforms": f"${{{kind}_transforms}}"
        for split in ("train", "val", "test")
        for kind in ("img", "mask")
    }
    return {
        "task_name": "train",
        "tags": ["clipseg", "kvasir_polyp", "finetune", "p1"],
        "data_root": "${paths.data_dir}",
        "img_size": [352, 352],
        "tokenizer_type": "clipseg",
        "context_length": 77,
        "prompt_type": "p1",
        "train_data_num": 1.0,
        "override_prompt": None,
        "zero_prompt": False,
        "output_masks_dir": None,
        "train": True,
        "test": True,
        "ckpt_path": None,
        "seed": 42,
        "datamodule": {
            "_target_": "src.datamodules.BaseDataModule",
            **splits,
            "batch_size": 128,
            "num_workers": 4,
            "pin_memory": True,
        },
        "model": {
            "_target_": "src.models.BaseModule",
            "net": {
                "_target_": "src.models.CLIPSeg",
                "clipseg_hf_api": "${extras.clipseg_hf_api}",
                "freeze_encoder": False,
                "freeze_decoder": False,
            },
            "loss_fn": {
                "_target_": "monai.losses.DiceCELoss",
                "lambda_dice": 1.0,
                "lambda_ce": 0.2,
            },
            "optimizer": {
                "_target_": "torch.optim.AdamW",
                "_partial_": True,
                "lr": 0.002,
                "weight_decay": 0.001,
            },
            "scheduler": {
                "_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
                "_partial_": True,
                "factor": 0.1,
                "patience": 5,
            },
        },
        "callbacks": {
            "model_checkpoint": {
                "_target_": "lightning.callbacks.ModelCheckpoint",
                "dirpath": "${paths.output_dir}/checkpoints",
                "monitor": "val/dice_epoch",
                "mode": "max",
                "save_last": True,
            },
            "early_stopping": {
                "_target_": "pytorch_lightning.callbacks.EarlyStopping",
                "monitor": "val/dice_epoch",
                "min_delta": 0.0001,
                "patience": 20,
                "mode": "max",
            },
            "rich_progress_bar": {"_target_": "pytorch_lightning.callbacks.RichProgressBar"},
        },
        "logger": {"wandb": {"project": "medvlsm", "tags": "${tags}", "offline": False}},
        "trainer": {
            "_target_": "pytorch_lightning.Trainer",
            "default_root_dir": "${paths.output_dir}",
            "min_epochs": 10,
            "max_epochs": 1000,
            "accelerator": "gpu",
            "devices": [0],
            "precision": "16-mixed",
            "gradient_clip_val": 0.5,
            "limit_train_batches": 1.0,
            "check_val_every_n_epoch": 1,
            "deterministic": False,
            "log_every_n_steps": 50,
        },
        "paths": {"root_dir": "${oc.env:PROJECT_ROOT}", "data_dir": "${paths.root_dir}/data/"},
        "extras": {
            "ignore_warnings": False,
            "clipseg_hf_api": "CIDAS/clipseg-rd64-refined",
            "biomedclip_hf_api": (
                "hf-hub:microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"
            ),
        },
        "experiment_name": "clipseg_ft_kvasir_polyp_p1",
        "img_mean": [0.485, 0.456, 0.406],
        "img_std": [0.229, 0.224, 0.225],
        "img_transforms": _resize(normalise),
        "mask_transforms": _resize(interpolation=0),
        **transforms,
    }


def save(folder: Path, config: Any) -> Path:
    """Write a config where Hydra does; return the folder of the run."""
    inside = folder / ".hydra"
    inside.mkdir(parents=True, exist_ok=True)
    (inside / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (inside / "overrides.yaml").write_text(yaml.safe_dump(words()))
    return folder
