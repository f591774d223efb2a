"""From a file of the repository of Matsoukas et al. to a cell of study ``feature_reuse``."""

from __future__ import annotations

from orchestrator.import_params.translation import Translation
from trainables.models.card import NOTHING_KEPT, BackboneCard
from trainables.models.cards import get_backbone_card

_TYPE = "model_params.backbone_type"
_LEVEL = "model_params.wtst_init.transfer_up_to_layer"
_APPLY = "model_params.wtst_init.apply"
_PRETRAINED = "model_params.pretrained"
_TRANSFORMER = "model_params.transformers_params"
_CNN = "model_params.cnn_params"

MODELS = {
    "deit_tiny": "deit_t",
    "deit_small": "deit_s",
    "deit_small5b": "deit_s5",
    "deit_base": "deit_b",
    "swin_tiny": "swin_t",
    "inception_v3": "inception_v3",
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "resnet152": "resnet152",
}
"""``backbone_type`` -> backbone card, and level of factor 'model', of the paper's tables."""

_PATCH_PX = {"deit": 16, "swin": 4}
"""Family -> the patch size its published weights have."""


def translate_feature_reuse(out: Translation) -> tuple[str, ...]:
    """Translate model, data set and initialisation; return the experiments that may hold them."""
    dataset = "dataset_params.dataset"
    out.level("dataset", out.params[dataset].lower(), dataset)
    frozen = "model_params.freeze_backbone"
    out.set({"freeze_backbone": out.params[frozen]}, frozen)
    name = out.params[_TYPE]
    if name not in MODELS:
        out.refuse(_TYPE, f"the study has {', '.join(MODELS)}")
        return ()
    out.level("model", MODELS[name], _TYPE)
    card = get_backbone_card(MODELS[name])
    _check_architecture(card, out)
    return _translate_initialisation(card, out)


def _translate_initialisation(card: BackboneCard, out: Translation) -> tuple[str, ...]:
    params = out.params
    if not params[_APPLY]:
        out.explain([_APPLY], "off: weights are taken as they are")
        out.explain([_LEVEL], "read only with wtst_init.apply")
        out.level("init", "wt" if params[_PRETRAINED] else "ri", _PRETRAINED)
        return ("main", "capacity")
    out.explain([_PRETRAINED], "wtst_init.apply starts from the published weights")
    level = params[_LEVEL]
    if level > card.last_level:
        out.refuse(_LEVEL, f"{params[_TYPE]} has levels {NOTHING_KEPT} to {card.last_level}")
        return ()
    if NOTHING_KEPT < level < card.last_level:
        out.level("level", str(level), _APPLY, _LEVEL)
        return ("depth",)
    out.level("init", "st" if level == NOTHING_KEPT else "wt", _APPLY, _LEVEL)
    return ("main", "capacity")


def _check_architecture(card: BackboneCard, out: Translation) -> None:
    params, block = out.params, _TRANSFORMER
    is_transformer = card.family in _PATCH_PX
    read, unread = (_TRANSFORMER, _CNN) if is_transformer else (_CNN, _TRANSFORMER)
    out.explain(params.below(unread), f"not read for {params[_TYPE]}")
    pretrained = f"{read}.pretrained_type"
    if params.get(pretrained, "supervised") != "supervised":
        out.refuse(pretrained, "the paper's tables start from supervised weights")
    out.explain([pretrained], "the published weights of the backbone's card")
    if not is_transformer:
        return
    check_image_size(f"{block}.img_size", out)
    patch, path = _PATCH_PX[card.family], card.overrides.get("drop_path_rate", 0.0)
    for key, only in ((f"{block}.patch_size", patch), (f"{block}.drop_path_rate", path)):
        if params.get(key, only) != only:
            out.refuse(key, f"{params[_TYPE]} has {only}")
        out.explain([key], "part of the backbone's card")
    out.explain([f"{block}.is_memory_efficient"], "matters for several views only")


def check_image_size(key: str, out: Translation) -> None:
    """Make sure that a size a network is built for is the input's."""
    given = out.params.get(key, None)
    side = given[0] if isinstance(given, list) and given else given
    size = out.config.get("image_size_px", side)
    if side is not None and side != size:
        out.refuse(key, f"must be the input's side, {size}")
    out.explain([key], "the input's side")
