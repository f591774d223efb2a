"""Every key of the repository's configuration, and what kind of value it has.

Source: configs/ of the repository of Poudel et al. (MIDL 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.import_params.keys import Key

_MOST = 10**9
"""Far above any value that makes sense, and below what a number can hold."""

_TEXT = Key(kind="text")
_FLAG = Key(kind="boolean")
_COUNT = Key(kind="whole number", least=0, most=_MOST)
_POSITIVE = Key(kind="whole number", least=1, most=_MOST)
_SHARE = Key(kind="number", least=0, most=_MOST)
_THREE = Key(kind="list of numbers")

KINDS: Mapping[str, Key] = {
    "experiment": _TEXT,
    "datamodule": _TEXT,
    "data_root": _TEXT,
    "datamodule.batch_size": _POSITIVE,
    "datamodule.num_workers": _COUNT,
    "prompt_type": _TEXT,
    "override_prompt": _TEXT,
    "zero_prompt": _FLAG,
    "train_data_num": _SHARE,
    "class_name": _TEXT,
    "img_mean": _THREE,
    "img_std": _THREE,
    "tokenizer_type": _TEXT,
    "context_length": _POSITIVE,
    "model.optimizer._target_": _TEXT,
    "model.optimizer.lr": _SHARE,
    "model.optimizer.weight_decay": _SHARE,
    "model.scheduler._target_": _TEXT,
    "model.scheduler.factor": _SHARE,
    "model.scheduler.patience": _COUNT,
    "model.loss_fn._target_": _TEXT,
    "model.loss_fn.lambda_dice": _SHARE,
    "model.loss_fn.lambda_ce": _SHARE,
    "model.threshold": Key(kind="number", least=0, most=1),
    "model.net._target_": _TEXT,
    "model.net.freeze_encoder": _FLAG,
    "model.net.freeze_decoder": _FLAG,
    "model.net.rand_init_decoder": _FLAG,
    "model.net.classes": _POSITIVE,
    "model.multi_class": _FLAG,
    "trainer.min_epochs": _POSITIVE,
    "trainer.max_epochs": _POSITIVE,
    "trainer.gradient_clip_val": _SHARE,
    "trainer.accelerator": _TEXT,
    "callbacks.early_stopping.patience": _POSITIVE,
    "callbacks.early_stopping.min_delta": _SHARE,
    "train": _FLAG,
    "use_ckpt": _FLAG,
    "ckpt_path": _TEXT,
    "task_name": Key(kind="text", choices=("train", "eval", "pred")),
    "output_masks_dir": _TEXT,
    "hparams_search": _TEXT,
    "hydra.sweeper.n_trials": _POSITIVE,
    "debug": _TEXT,
}
"""Keys that something comes of, with the kind of their value."""

OF_ANY_KIND = ("img_size", "trainer.precision", "trainer.devices", "datamodule.train_dataset")
"""Keys that something comes of, whose value has several kinds."""

MAY_BE_NULL = frozenset(
    {
        "override_prompt",
        "class_name",
        "tokenizer_type",
        "context_length",
        "prompt_type",
        "ckpt_path",
        "output_masks_dir",
        "hparams_search",
        "debug",
        "train_data_num",
    }
)
"""Keys for which null means that they are not used."""

_CLIPSEG = ("CIDAS/clipseg-rd64-refined",)
_BIOMEDCLIP = tuple(
    f"{prefix}microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"
    for prefix in ("hf-hub:", "")
)

MAY_REFER = frozenset({"data_root", "output_masks_dir"})
"""Keys whose value may refer to others: only whether there is one matters."""

FIXED: Mapping[str, tuple[Any, ...]] = {
    "trainer.limit_train_batches": (1.0,),
    "trainer.check_val_every_n_epoch": (1,),
    "callbacks.early_stopping.monitor": ("val/dice_epoch",),
    "callbacks.early_stopping.mode": ("max",),
    "callbacks.model_checkpoint.monitor": ("val/dice_epoch",),
    "callbacks.model_checkpoint.mode": ("max",),
    "model._target_": ("src.models.BaseModule",),
    "model.optimizer.betas": ([0.9, 0.999],),
    "model.optimizer.eps": (1e-8,),
    "extras.clipseg_hf_api": _CLIPSEG,
    "extras.biomedclip_hf_api": _BIOMEDCLIP,
    "model.net.clipseg_hf_api": _CLIPSEG,
    "model.net.biomedclip_hf_api": _BIOMEDCLIP,
    "model.net.word_len": (77,),
    "model.net.fpn_in": ([512, 1024, 1024],),
    "model.net.fpn_out": ([256, 512, 1024],),
    "model.net.vis_dim": (512,),
    "model.net.word_dim": (1024,),
    "model.net.num_layers": (3,),
    "model.net.num_head": (8,),
    "model.net.dim_ffn": (2048,),
    "model.net.dropout": (0.2,),
    "model.net.intermediate": (False,),
    "model.net.encoder_name": ("resnet50",),
    "model.net.encoder_weights": ("imagenet",),
    "model.net.in_channels": (3,),
    "datamodule._target_": ("src.datamodules.BaseDataModule",),
    "trainer._target_": ("pytorch_lightning.Trainer", "lightning.Trainer"),
}
"""Keys with the values that exist here."""

_LOGGING = "runs are tracked with MLflow"
_FOLDERS = "runs go to --storage"
_WEIGHTS = "weights are found by their card; `xenograft doctor` says where a file goes"
_BUILT = "how the original makes an object"
_SPEED = "speed only"

NOT_NEEDED: Mapping[str, str] = {
    "experiment_name": "the run gets its name from study and cell",
    "datamodule.pin_memory": _SPEED,
    "datamodule.train_val_split": "read by nothing in the original",
    "model.optimizer._partial_": _BUILT,
    "model.scheduler._partial_": _BUILT,
    "model.log_output_masks": _LOGGING,
    "model.net.clip_pretrain": _WEIGHTS,
    "model.net.cris_pretrain": _WEIGHTS,
    "trainer": "its values count",
    "trainer.default_root_dir": _FOLDERS,
    "trainer.deterministic": "a replicate's seed decides its draws either way",
    "trainer.log_every_n_steps": _LOGGING,
    "trainer.strategy": "--workers-per-trial decides",
    "trainer.sync_batchnorm": "always on where there are several workers",
    **{
        f"callbacks.early_stopping.{name}": _BUILT
        for name in ("_target_", "verbose", "strict", "check_finite")
    },
    "seed": "seeds derive from the cell; --replicates 5 runs five of them",
    "test": "every replicate is tested once, at its end",
    "tags": _LOGGING,
    "logger": _LOGGING,
    "callbacks": "the same for all runs",
    "paths": _FOLDERS,
    "extras": "the same for all runs",
    "hydra": _FOLDERS,
    "optimized_metric": "the search maximises val/dice",
}
"""Keys that nothing comes of."""

BLOCKS_NOT_NEEDED: Mapping[str, str] = {
    "logger": _LOGGING,
    "paths": _FOLDERS,
    "callbacks.model_checkpoint": "the state of the best val/dice is tested and kept",
    "callbacks.model_summary": _LOGGING,
    "callbacks.rich_progress_bar": _LOGGING,
    "callbacks.lr_monitor": _LOGGING,
    "extras": _WEIGHTS,
    "hydra": _FOLDERS,
    "datamodule.train_dataset": "folders and lists are those of the data card",
    "datamodule.val_dataset": "folders and lists are those of the data card",
    "datamodule.test_dataset": "folders and lists are those of the data card",
    "img_transforms": "pictures and masks are always resized to a square and normalised",
    "mask_transforms": "pictures and masks are always resized to a square and normalised",
    **{
        f"{split}_{kind}_transforms": "the same transforms for all splits"
        for split in ("train", "val", "test")
        for kind in ("img", "mask")
    },
}
"""Blocks that nothing comes of, but for keys of them that are listed above."""


def block_of(key: str) -> str | None:
    """Return the block without consequences that a key is in; None if it has some of its own."""
    if key in KINDS or key in FIXED or key in OF_ANY_KIND:
        return None
    inside = [b for b in BLOCKS_NOT_NEEDED if key == b or key.startswith(f"{b}.")]
    return inside[0] if inside else None


def known_keys() -> list[str]:
    """Return all keys that are not only part of a block."""
    return [*KINDS, *OF_ANY_KIND, *FIXED, *NOT_NEEDED]
