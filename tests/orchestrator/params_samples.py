"""Files as users of the two repositories have them, written from the keys' descriptions."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.import_params import Imported, import_params

_SHARED_BLOCKS = {
    "Normalize": True,
    "VerticalFlip": {"apply": True, "p": 0.5},
    "HorizontalFlip": {"apply": True, "p": 0.5},
    "RandomRotation": {"apply": False, "angle": 5, "p": 0.5},
    "RandomCrop": {"apply": False, "height": 32, "width": 32, "padding": 4, "p": 0.5},
    "RandomPerspective": {"apply": False, "distortion_scale": 0.2, "p": 0.5},
    "RandomAffine": {
        "apply": False,
        "degrees": 5,
        "translate": [0.1, 0.3],
        "scale": [0.1, 3.3],
        "shear": 0.2,
        "p": 0.5,
    },
    "RandomErasing": {
        "apply": False,
        "scale": [0.02, 0.33],
        "ratio": [0.3, 3.3],
        "value": 0,
        "p": 0.5,
    },
    "RandomGaussianBlur": {"apply": False, "radius_min": 0.1, "radius_max": 2.0, "p": 0.2},
    "RandomSolarize": {"apply": False, "threshold": 128, "p": 0.2},
    "RandomResizedCrop": {"apply": True, "size": 224, "scale": [0.8, 1.2]},
    "MultiCrop": {
        "apply": False,
        "n_crops": [2, 6],
        "sizes": [224, 96],
        "scales": [[0.4, 1.0], [0.05, 0.4]],
    },
    "Resize": {"apply": True, "height": 256, "width": 256},
}


def _loader(shuffle: bool, drop_last: bool, persistent: bool) -> dict[str, Any]:
    return {
        "batch_size": 64,
        "num_workers": 4,
        "prefetch_factor": 4,
        "pin_memory": True,
        "shuffle": shuffle,
        "drop_last": drop_last,
        "persistent_workers": persistent,
    }


def _evaluation() -> dict[str, Any]:
    return {
        "Resize": {"apply": True, "height": 256, "width": 256},
        "CenterCrop": {"apply": True, "height": 224, "width": 224},
        "Normalize": True,
    }


def _common() -> dict[str, Any]:
    return {
        "dataset_params": {
            "dataset": "APTOS2019",
            "data_location": "my data",
            "train_transforms": copy.deepcopy(_SHARED_BLOCKS),
            "val_transforms": _evaluation(),
            "test_transforms": _evaluation(),
        },
        "training_params": {
            "model_name": "try",
            "epochs": 200,
            "val_every": 0.5,
            "log_every": 25,
            "save_best_model": True,
            "log_embeddings": False,
            "knn_eval": False,
            "grad_clipping": 1.0,
            "restore_session": False,
            "restore_only_model": False,
            "use_tensorboard": False,
            "use_mixed_precision": False,
            "save_dir": "results",
        },
        "system_params": {"use_all_GPUs": False, "which_GPUs": "0", "use_GPU": True},
        "log_params": {"project_name": "p", "run_name": "DEFINED_BY_MODEL_NAME"},
        "lr_finder": {
            "type": "grid_search",
            "grid_search_params": {
                "min_pow": -5,
                "max_pow": -2,
                "resolution": 25,
                "n_epochs": 5,
                "random_lr": False,
                "keep_schedule": False,
                "report_intermediate_steps": False,
            },
        },
    }


def _optimization(optimizer: str, schedulers: list[str], patience: int) -> dict[str, Any]:
    return {
        "default": {
            "optimizer": {
                "type": optimizer,
                "autoscale_lr": False,
                "params": {"lr": 1e-4, "weight_decay": 1e-5},
            },
            "LARS_params": {
                "use": False,
                "batch_act_thresh": 256,
                "eps": 1e-8,
                "trust_coef": 0.001,
            },
            "scheduler": {
                "type": schedulers,
                "params": {
                    "ReduceLROnPlateau": {
                        "mode": "max",
                        "factor": 0.1,
                        "patience": patience,
                        "verbose": True,
                    },
                    "OneCycleLR": {"anneal_strategy": "linear", "final_div_factor": 1e-4},
                    "MultiStepLR": {"milestones": [7], "gamma": 0.1},
                    "CosineAnnealingLR": {"eta_min": 1e-6},
                    "LinearWarmup": {"warmup_epochs": 0, "warmup_iters": 1000},
                },
            },
        }
    }


def feature_reuse_params() -> dict[str, Any]:
    """A statistics-transfer run of DeiT-S on APTOS2019, long enough for its warm-up."""
    params = _common()
    train = params["dataset_params"]["train_transforms"]
    train["CenterCrop"] = {"apply": False, "height": 224, "width": 224}
    train["RandomGrayscale"] = {"apply": True, "p": 0.2}
    train["ColorJitter"] = {
        "apply": True,
        "brightness": 0.2,
        "contrast": 0.2,
        "saturation": 0.1,
        "hue": 0.1,
        "p": 0.2,
    }
    params["dataloader_params"] = {
        "trainloader": _loader(True, True, True),
        "valloader": _loader(False, False, True),
        "testloader": _loader(False, False, False),
    }
    params["model_params"] = {
        "backbone_type": "deit_small",
        "cnn_params": {"pretrained_type": "supervised"},
        "transformers_params": {
            "img_size": [224],
            "patch_size": 16,
            "pretrained_type": "supervised",
            "is_memory_efficient": True,
        },
        "pretrained": True,
        "wtst_init": {"apply": True, "transfer_up_to_layer": -2},
        "freeze_backbone": False,
    }
    params["optimization_params"] = _optimization(
        "Adam", ["LinearWarmup", "ReduceLROnPlateau"], patience=3
    )
    return params


def foundation_params() -> dict[str, Any]:
    """SEEM, frozen, read by a DeiT-B, on APTOS2019."""
    params = _common()
    train = params["dataset_params"]["train_transforms"]
    train["CenterCrop"] = {"apply": True, "height": 224, "width": 224}
    train["RandomGrayscale"] = {"apply": False, "p": 0.2}
    train["ColorJitter"] = {
        "apply": True,
        "brightness": 0.2,
        "contrast": 0.2,
        "saturation": 0.1,
        "hue": 0.1,
        "p": 0.8,
    }
    params["dataloader_params"] = {
        "trainloader": _loader(True, True, True),
        "valloader": _loader(True, True, False),
        "testloader": _loader(False, False, False),
    }
    params["model_params"] = {
        "backbone_type": "deit_base",
        "cnn_params": {"pretrained_type": "supervised"},
        "transformers_params": {
            "img_size": [224],
            "patch_size": 16,
            "pretrained_type": "supervised",
            "is_memory_efficient": False,
        },
        "pretrained": True,
        "freeze_backbone": False,
    }
    params["foundation_params"] = {
        "backbone_type": "focal",
        "img_size": 224,
        "pretrained": True,
        "freeze_backbone": True,
        "partial": {"unfreeze_cutoff": -1, "drop_cutoff": []},
    }
    params["optimization_params"] = _optimization("AdamW", ["LinearWarmup"], patience=2)
    params["training_params"] |= {"epochs": 100, "val_every": 1, "use_mixed_precision": True}
    params["transfer_learning_params"] = {
        "use_pretrained": False,
        "pretrained_model_name": "",
        "pretrained_path": "",
    }
    return params


def changed(params: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy with the values at paths ``a__b__c`` set; ``...`` takes the key out."""
    result = copy.deepcopy(params)
    for path, value in changes.items():
        *parents, leaf = path.split("__")
        block = result
        for parent in parents:
            block = block.setdefault(parent, {})
        if value is ...:
            del block[leaf]
        else:
            block[leaf] = value
    return result


TRAIN = "dataset_params__train_transforms__"
OPTIMIZER = "optimization_params__default__optimizer__"
SCHEDULER = "optimization_params__default__scheduler__"
LARS = "optimization_params__default__LARS_params__"
"""Where keys of the file are, as :func:`changed` spells them."""

Import = Callable[..., Imported]


def importer(folder: Path) -> Import:
    """Return what writes the sample file of feature_reuse with changes, and imports it."""

    def run(**changes: Any) -> Imported:
        file = folder / "params.json"
        file.write_text(json.dumps(changed(feature_reuse_params(), **changes)))
        return import_params(file)

    return run
