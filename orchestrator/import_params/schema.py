"""The keys of both repositories' ``params.json``.

Sources: ``params.json`` and the code that reads it of the repositories of Matsoukas et al.
(CVPR 2022) and of the study of foundation models that grew out of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.import_params.blocks import BLOCKS
from orchestrator.import_params.keys import Key
from orchestrator.import_params.params import Repository

SPLITS = ("train", "val", "test")
SCHEDULERS = (
    "LinearWarmup",
    "MultiStepLR",
    "ReduceLROnPlateau",
    "OneCycleLR",
    "CosineAnnealingLR",
)
DATASETS = ("APTOS2019", "DDSM", "ISIC2019", "CheXpert", "Camelyon")
PRETRAINED = ("supervised", "dino")

_FLAG = Key(kind="boolean")
_NEEDED_FLAG = Key(kind="boolean", required=True)
_TEXT = Key(kind="text")
_NEEDED_TEXT = Key(kind="text", required=True)
_NUMBER = Key(kind="number")
_SHARE = Key(kind="number", least=0)
_COUNT = Key(kind="whole number", least=0)
_PRETRAINED = Key(kind="text", choices=PRETRAINED)

_DATA = {
    "dataset": Key(kind="text", required=True, choices=DATASETS),
    "data_location": _TEXT,
}
_LOADER = {
    "batch_size": Key(kind="whole number", required=True, least=1),
    "num_workers": _COUNT,
    "prefetch_factor": _COUNT,
    "pin_memory": _FLAG,
    "shuffle": _FLAG,
    "drop_last": _FLAG,
    "persistent_workers": _FLAG,
    "timeout": _SHARE,
}
_MODEL = {
    "backbone_type": _NEEDED_TEXT,
    "cnn_params.pretrained_type": _PRETRAINED,
    "transformers_params.img_size": Key(kind="list of whole numbers", least=1),
    "transformers_params.patch_size": Key(kind="whole number", least=1),
    "transformers_params.pretrained_type": _PRETRAINED,
    "transformers_params.is_memory_efficient": _FLAG,
    "transformers_params.drop_path_rate": Key(kind="number", least=0, most=1),
    "pretrained": _NEEDED_FLAG,
    "freeze_backbone": _NEEDED_FLAG,
}
_STATISTICS = {
    "wtst_init.apply": _NEEDED_FLAG,
    "wtst_init.transfer_up_to_layer": Key(kind="whole number", required=True, least=-2),
}
_OPTIMIZER = {
    "type": _NEEDED_TEXT,
    "autoscale_lr": _NEEDED_FLAG,
    "params.lr": Key(kind="number", required=True, least=0),
    "params.weight_decay": _SHARE,
    "params.betas": Key(kind="pair of numbers", least=0, most=1),
    "params.eps": _SHARE,
    "params.amsgrad": _FLAG,
    "params.momentum": _SHARE,
    "params.dampening": _SHARE,
    "params.nesterov": _FLAG,
}
_LARS = {
    "use": _NEEDED_FLAG,
    "batch_act_thresh": _COUNT,
    "eps": _SHARE,
    "trust_coef": _SHARE,
}
_SCHEDULER = {
    "type": Key(kind="text, null or list of texts", required=True, choices=SCHEDULERS),
    "params.LinearWarmup.warmup_epochs": _COUNT,
    "params.LinearWarmup.warmup_iters": _COUNT,
    "params.LinearWarmup.eta_min": _SHARE,
    "params.ReduceLROnPlateau.mode": Key(kind="text", choices=("max", "min")),
    "params.ReduceLROnPlateau.factor": Key(kind="number", least=0, most=1),
    "params.ReduceLROnPlateau.patience": _COUNT,
    "params.ReduceLROnPlateau.verbose": _FLAG,
    "params.ReduceLROnPlateau.threshold": _SHARE,
    "params.ReduceLROnPlateau.threshold_mode": _TEXT,
    "params.ReduceLROnPlateau.cooldown": _COUNT,
    "params.ReduceLROnPlateau.min_lr": _SHARE,
    "params.ReduceLROnPlateau.eps": _SHARE,
    "params.MultiStepLR.milestones": Key(kind="list of whole numbers", least=1),
    "params.MultiStepLR.gamma": Key(kind="number", least=0, most=1),
    "params.CosineAnnealingLR.eta_min": _SHARE,
    "params.OneCycleLR.anneal_strategy": Key(kind="text", choices=("linear", "cos")),
    "params.OneCycleLR.final_div_factor": _SHARE,
    "params.OneCycleLR.pct_start": _SHARE,
    "params.OneCycleLR.three_phase": _FLAG,
    "params.OneCycleLR.cycle_momentum": _FLAG,
}
NEEDED_BY_SCHEDULER = {
    "LinearWarmup": ("warmup_epochs", "warmup_iters"),
    "ReduceLROnPlateau": ("mode", "factor", "patience"),
    "MultiStepLR": ("milestones", "gamma"),
    "CosineAnnealingLR": ("eta_min",),
    "OneCycleLR": ("anneal_strategy", "final_div_factor"),
}
"""Scheduler -> arguments that the file must have when it is listed."""

_TRAINING = {
    "model_name": _NEEDED_TEXT,
    "epochs": Key(kind="whole number", required=True, least=1),
    "val_every": Key(kind="number", required=True, least=0),
    "log_every": Key(kind="whole number", least=1),
    "save_best_model": _NEEDED_FLAG,
    "log_embeddings": _FLAG,
    "knn_eval": _FLAG,
    "grad_clipping": Key(kind="number or false", required=True, least=0),
    "restore_session": _FLAG,
    "restore_only_model": _FLAG,
    "use_tensorboard": _FLAG,
    "use_mixed_precision": _NEEDED_FLAG,
    "save_dir": _TEXT,
}
_SYSTEM = {"use_all_GPUs": _NEEDED_FLAG, "which_GPUs": _NEEDED_TEXT, "use_GPU": _NEEDED_FLAG}
_LOG = {"project_name": _TEXT, "run_name": _TEXT}
_LR_FINDER = {
    "type": _TEXT,
    "grid_search_params.min_pow": _NUMBER,
    "grid_search_params.max_pow": _NUMBER,
    "grid_search_params.resolution": Key(kind="whole number", least=1),
    "grid_search_params.n_epochs": Key(kind="whole number", least=1),
    "grid_search_params.random_lr": _FLAG,
    "grid_search_params.keep_schedule": _FLAG,
    "grid_search_params.report_intermediate_steps": _FLAG,
}
_FOUNDATION = {
    "backbone_type": _NEEDED_TEXT,
    "img_size": Key(kind="whole number", least=1),
    "pretrained": _NEEDED_FLAG,
    "freeze_backbone": _NEEDED_FLAG,
    "partial.unfreeze_cutoff": Key(kind="whole number", least=-1),
    "partial.drop_cutoff": Key(kind="list of whole numbers", least=0),
}
_TRANSFER = {
    "use_pretrained": _NEEDED_FLAG,
    "pretrained_model_name": _TEXT,
    "pretrained_path": _TEXT,
}

RUN_TIME_KEYS = frozenset(
    [
        *(
            f"{section}.{name}"
            for section in ("model_params", "foundation_params")
            for name in (
                "img_channels",
                "n_classes",
                "knn_nhood",
                "target_metric",
                "wt_checkpoint",
                "transfusion_checkpoint",
                "linear",
            )
        ),
        "optimization_params.default.effective_batch_size",
        "system_params.world_size",
        *(
            f"optimization_params.default.scheduler.params.{name}"
            for name in (
                "LinearWarmup.max_lr",
                "LinearWarmup.steps_per_epoch",
                "OneCycleLR.max_lr",
                "OneCycleLR.steps_per_epoch",
                "OneCycleLR.epochs",
                "CosineAnnealingLR.T_max",
            )
        ),
    ]
)
"""What the original adds while it runs, found in the parameters of its checkpoints."""


def schema(repository: Repository) -> dict[str, Key]:
    """Return every key that a repository's file may have, except those added at run time."""
    transforms = {
        f"{split}_transforms.{block}.{name}" if name else f"{split}_transforms.{block}": key
        for split in SPLITS
        for block, names in BLOCKS.items()
        for name, key in names.items()
    }
    keys = {
        **_under("dataset_params", {**_DATA, **transforms}),
        **_under("model_params", _MODEL),
        **_under("optimization_params.default.optimizer", _OPTIMIZER),
        **_under("optimization_params.default.LARS_params", _LARS),
        **_under("optimization_params.default.scheduler", _SCHEDULER),
        **_under("training_params", _TRAINING),
        **_under("system_params", _SYSTEM),
        **_under("log_params", _LOG),
        **_under("lr_finder", _LR_FINDER),
    }
    for loader in SPLITS:
        keys |= _under(f"dataloader_params.{loader}loader", _LOADER)
    if repository == "feature_reuse":
        return keys | _under("model_params", _STATISTICS)
    return (
        keys
        | {"model_params.transformers_params.trim_cutoff": Key(kind="whole number")}
        | _under("foundation_params", _FOUNDATION)
        | _under("transfer_learning_params", _TRANSFER)
    )


def _under(section: str, keys: Mapping[str, Key]) -> dict[str, Key]:
    return {f"{section}.{name}": key for name, key in keys.items()}
