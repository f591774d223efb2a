"""From a file of the study of foundation models to a cell of study ``foundation_medical``."""

from __future__ import annotations

from orchestrator.import_params.feature_reuse import check_image_size
from orchestrator.import_params.translation import Translation

_BACKBONE = "foundation_params.backbone_type"
_FROZEN = "foundation_params.freeze_backbone"
_UNFREEZE = "foundation_params.partial.unfreeze_cutoff"
_DROP = "foundation_params.partial.drop_cutoff"
_HEAD = "model_params.backbone_type"
_HEAD_FROZEN = "model_params.freeze_backbone"
_TRANSFORMER = "model_params.transformers_params"
_HEAD_WEIGHTS = f"{_TRANSFORMER}.pretrained_type"
_TRIM = f"{_TRANSFORMER}.trim_cutoff"
_MIXED = "training_params.use_mixed_precision"

BACKBONES = {
    "sam_vit_b": "sam_vit_b",
    "focal": "seem_focal_t",
    "dinov2_vitb14": "dinov2_vit_b14",
    "blip_base": "blip_base",
    "clip_vitb16": "openclip_vit_b16",
    "resnet152": "resnet152",
}
"""``foundation_params.backbone_type`` -> level of factor 'backbone'."""

BASELINES = {"supervised": "deit_b", "dino": "dino_vit_b16"}
"""``pretrained_type`` of a DeiT-B without a foundation model -> level of factor 'backbone'."""

HEADS = {"none": "linear", "deit_base": "deit_b"}
"""``model_params.backbone_type`` -> level of factor 'head'."""


def translate_foundation_medical(out: Translation) -> tuple[str, ...]:
    """Translate backbone, head, what is trained and data set; return where the cell may be."""
    dataset = "dataset_params.dataset"
    out.level("dataset", out.params[dataset].lower(), dataset)
    out.levels["profile"] = "paper"
    _check_weights(out)
    backbone, head = out.params[_BACKBONE], out.params[_HEAD]
    if head not in HEADS:
        out.refuse(_HEAD, f"the heads are {', '.join(HEADS)}")
    if backbone == "none" and head == "none":
        out.refuse(_BACKBONE, f'nothing is left to train; with head "none" use one of {_names()}')
    if backbone not in (*BACKBONES, "none"):
        out.refuse(_BACKBONE, f"the study has {_names()}, and none")
    if out.problems:
        return ()
    if backbone == "none":
        return _translate_baseline(out)
    out.level("backbone", BACKBONES[backbone], _BACKBONE)
    out.level("head", HEADS[head], _HEAD)
    return _translate_linear(out) if head == "none" else _translate_deit(out)


def _names() -> str:
    return ", ".join(BACKBONES)


def _translate_baseline(out: Translation) -> tuple[str, ...]:
    """Without a foundation model the head is the network, with a linear layer."""
    weights = out.params.get(_HEAD_WEIGHTS, "supervised")
    out.level("backbone", BASELINES[weights], _BACKBONE, _HEAD, _HEAD_WEIGHTS)
    out.levels["head"] = "linear"
    out.explain([_FROZEN, _DROP, _UNFREEZE], "there is no foundation model")
    return _training(_HEAD_FROZEN, out)


def _translate_linear(out: Translation) -> tuple[str, ...]:
    out.explain([_HEAD_WEIGHTS, _HEAD_FROZEN], "a linear head starts anew and trains")
    dropped, first = out.params.get(_DROP, []), out.params.get(_UNFREEZE, -1)
    if not out.params[_FROZEN] or first < 0:
        return _translate_drop(out)
    if dropped:
        out.refuse(_UNFREEZE, "the study unfreezes blocks only where none is dropped: use -1")
    out.explain([_DROP], "switched off")
    out.explain([_FROZEN], "frozen below that block")
    del out.levels["head"], out.levels["profile"]
    out.level("block", str(first), _UNFREEZE)
    return ("unfreeze",)


def _translate_deit(out: Translation) -> tuple[str, ...]:
    # With two networks the original's mixed precision reaches only the projection between them.
    out.set({"precision": "fp32"}, _MIXED)
    out.set({"head.freeze": out.params[_HEAD_FROZEN]}, _HEAD_FROZEN)
    weights = out.params.get(_HEAD_WEIGHTS, "supervised")
    if weights == "supervised":
        out.explain([_HEAD_WEIGHTS], "the weights of experiment grid")
        return _translate_drop(out)
    if out.params[_FROZEN] or out.params.get(_DROP, []):
        out.refuse(_HEAD_WEIGHTS, "the study has it with a whole, fine-tuned backbone only")
    out.explain([_FROZEN, _DROP, _UNFREEZE], "fine-tuned, as all of experiment dino_head")
    out.explain([_HEAD_WEIGHTS], "experiment dino_head")
    out.explain([_HEAD], "experiment dino_head")
    del out.levels["head"], out.levels["profile"]
    return ("dino_head",)


def _translate_drop(out: Translation) -> tuple[str, ...]:
    """Take the features of an earlier block where the file says so."""
    off = out.params.get(_UNFREEZE, -1) < 0
    why = "switched off" if off else "the original unfreezes below a frozen, linear head only"
    out.explain([_UNFREEZE], why)
    dropped = out.params.get(_DROP, [])
    if dropped and out.params[_FROZEN]:
        out.explain([_FROZEN], "frozen, as all of experiment drop")
        out.level("block", str(min(dropped)), _DROP)
        del out.levels["profile"]
        return ("drop",)
    if dropped:
        out.set({"backbone.output_block": min(dropped)}, _DROP)
    out.explain([_DROP], "switched off")
    return _training(_FROZEN, out)


def _training(key: str, out: Translation) -> tuple[str, ...]:
    out.level("training", "frozen" if out.params[key] else "fine_tuned", key)
    return ("grid",)


def _check_weights(out: Translation) -> None:
    params = out.params
    for key in ("foundation_params.pretrained", "model_params.pretrained"):
        if not params[key]:
            out.refuse(key, "the study starts from published weights: use true")
        out.explain([key], "the published weights of the backbone's card")
    check_image_size("foundation_params.img_size", out)
    check_image_size(f"{_TRANSFORMER}.img_size", out)
    out.require({f"{_TRANSFORMER}.patch_size": 16})
    if params.get(_TRIM, -1) >= 0:
        out.set({"head.trim": params[_TRIM]}, _TRIM)
    out.explain([_TRIM], "switched off")
    out.explain([f"{_TRANSFORMER}.is_memory_efficient"], "matters for several views only")
    out.explain([f"{_TRANSFORMER}.drop_path_rate"], "part of the backbone's card")
    out.explain(params.below("model_params.cnn_params"), "not read for these networks")
    transfer = "transfer_learning_params"
    if params.get(f"{transfer}.use_pretrained", False):
        key = f"{transfer}.use_pretrained"
        out.refuse(key, "checkpoints of the original cannot be started from: use false")
    out.explain(params.below(transfer), "switched off")
