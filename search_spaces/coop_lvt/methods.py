"""Every method by the name of its row: what DomainBed's registry and the paper's code give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

from trainables.config import BackboneRef
from trainables.engine.config import OptimizerConfig
from trainables.generalisation.config import LossConfig, MethodConfig
from trainables.generalisation.text_config import PromptConfig, TextConfig
from trainables.models.cards import get_backbone_card
from trainables.models.text_cards import get_text_card

SHORT_NAMES = ("No DR", "mild DR", "moderate DR", "severe DR", "proliferative DR")
_GRADES = ("No", "mild", "moderate", "severe", "proliferative")
LONG_NAMES = tuple(f"{grade} Diabetic retinopathy" for grade in _GRADES)
FOCAL_WEIGHTS = (0.5, 1.0, 1.0, 1.0, 1.0)
TRANSFORMER_LR = 5e-6
RESNET_LR = 5e-5
# Ours: CoOp's own rate, and one at which a linear layer learns.
PROMPT_LR = 2e-3
PROBE_LR = 1e-3

RELEASED = ((3, 4), (1, 4), (3, 8))
"""Layers and tokens of the released CoOpLVT and of its variants v1 and v3."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a table.

    Args:
        trains: nothing is to be learned or searched without it.
        space: which search space it has: DomainBed's, that of a transformer trained whole, or that
            of few parameters beside a frozen one.
    """

    method: MethodConfig
    optimizer: OptimizerConfig
    trains: bool = True
    space: Literal["domainbed", "transformer", "added"] = "transformer"


def row(name: str) -> Row:
    """Return a row by the name of its level."""
    return _ROWS[name]()


def coop_lvt(layers: Literal[1, 3], tokens: int, placement: str) -> Row:
    """Return CoOpLVT with another conditioner, number of tokens, or place of the tokens."""
    prompt = PromptConfig(
        layers=layers,
        tokens=tokens,
        placement="appended" if placement == "appended" else "before_end",
    )
    return _clip("coop_lvt", prompt=prompt)


def _reference(card: str) -> BackboneRef:
    return BackboneRef(card=card, weights=get_backbone_card(card).default_weights)


def _encoder(card: str) -> BackboneRef:
    return BackboneRef(card=card, weights=get_text_card(card).default_weights)


def _adamw(lr: float) -> OptimizerConfig:
    return OptimizerConfig(name="adamw", lr=lr, weight_decay=0.0)


def _resnet(name: str = "erm", loss: LossConfig | None = None) -> Row:
    method = MethodConfig(
        name=name,
        backbone=_reference("resnet50"),
        loss=LossConfig() if loss is None else loss,
        freeze_norms=True,
    )
    return Row(
        method=method, optimizer=OptimizerConfig(name="adam", lr=RESNET_LR), space="domainbed"
    )


def _vit(card: str) -> Row:
    method = MethodConfig(name="erm", backbone=_reference(card))
    return Row(method=method, optimizer=_adamw(TRANSFORMER_LR))


def _clip(
    name: str,
    *,
    encoder: str | None = None,
    names: tuple[str, ...] = SHORT_NAMES,
    template: str = "a photo of a {}",
    card: str = "clip_vit_b16",
    loss: LossConfig | None = None,
    prompt: PromptConfig | None = None,
    added_lr: float | None = None,
) -> Row:
    method = MethodConfig(
        name=name,
        backbone=_reference(card),
        loss=LossConfig() if loss is None else loss,
        text=TextConfig(
            encoder=None if encoder is None else _encoder(encoder),
            class_names=names,
            template=template,
        ),
        prompt=PromptConfig() if prompt is None else prompt,
    )
    return Row(
        method=method,
        optimizer=_adamw(TRANSFORMER_LR if added_lr is None else added_lr),
        trains=name not in ("zero_shot", "coop_lvt_prompt_only"),
        space="transformer" if added_lr is None else "added",
    )


_zero_shot = partial(_clip, "zero_shot")
_naive = partial(_clip, "naive_clip")
_FOCAL = LossConfig(name="focal")
_WEIGHTED_FOCAL = LossConfig(name="focal", class_weights=FOCAL_WEIGHTS)
_SMOOTH = LossConfig(name="ordinal_smoothing")
_CASE = "a photo of a {} case"

_ROWS: Mapping[str, Callable[[], Row]] = MappingProxyType(
    {
        # Tables 1 and 2
        "erm_resnet50": _resnet,
        # Which ViT the paper used is not known: ImageNet-21k ViT-B/16 is what its code can run.
        "erm_vit": partial(_vit, "vit_b16_in21k"),
        "zeroshot_clip": _zero_shot,
        "zeroshot_biobert_pubmed": partial(_zero_shot, encoder="biobert"),
        "zeroshot_biobert_squad": partial(_zero_shot, encoder="biobert_squad"),
        "linear_probe_clip_v": partial(_clip, "linear_probe_clip_v"),
        "naive_clip": _naive,
        "naive_clip_biobert": partial(_naive, encoder="biobert"),
        "coop_lvt": partial(_clip, "coop_lvt"),
        # In the released code only
        "coop_lvt_v1": partial(_clip, "coop_lvt", prompt=PromptConfig(layers=1)),
        "coop_lvt_v3": partial(_clip, "coop_lvt", prompt=PromptConfig(tokens=8)),
        "coop_lvt_prompt_only": partial(
            _clip, "coop_lvt_prompt_only", prompt=PromptConfig(layers=1)
        ),
        "biobert_prompt": partial(
            _clip,
            "biobert_prompt",
            encoder="biobert",
            prompt=PromptConfig(tokens=3, bert_order="before_cls"),
        ),
        "naive_clip_long": partial(_naive, names=LONG_NAMES),
        "zeroshot_clip_long": partial(_zero_shot, names=LONG_NAMES),
        "naive_biobert_long": partial(_naive, encoder="biobert", names=LONG_NAMES, template=_CASE),
        "zeroshot_biobert_long": partial(
            _zero_shot, encoder="biobert", names=LONG_NAMES, template=_CASE
        ),
        "zeroshot_biobert_long_v2": partial(_zero_shot, encoder="biobert", names=LONG_NAMES),
        "zeroshot_biobert_squad_long": partial(
            _zero_shot, encoder="biobert_squad", names=LONG_NAMES
        ),
        "zeroshot_clinicalbert": partial(_zero_shot, encoder="bio_clinicalbert"),
        "naive_biobert_focal": partial(_naive, encoder="biobert", loss=_FOCAL),
        "naive_biobert_label_smoothing": partial(_naive, encoder="biobert", loss=_SMOOTH),
        "clip_v_finetune": partial(_clip, "clip_v_finetune"),
        "erm_focal": partial(_resnet, loss=_WEIGHTED_FOCAL),
        "erm_focal_plain": partial(_resnet, loss=_FOCAL),
        # Ours
        "linear_probe_clip_v_sane_lr": partial(_clip, "linear_probe_clip_v", added_lr=PROBE_LR),
        "erm_deit_b": partial(_vit, "deit_b"),
        "coop": partial(_clip, "coop", prompt=PromptConfig(tokens=16), added_lr=PROMPT_LR),
        "cocoop": partial(_clip, "cocoop", prompt=PromptConfig(tokens=4), added_lr=PROMPT_LR),
        "zeroshot_biomed_clip": partial(_zero_shot, card="biomed_clip", encoder="biomed_clip_text"),
        "naive_biomed_clip": partial(_naive, card="biomed_clip", encoder="biomed_clip_text"),
        "zeroshot_pubmed_clip": partial(_zero_shot, card="pubmed_clip"),
        "naive_pubmed_clip": partial(_naive, card="pubmed_clip"),
        **{
            name: partial(_resnet, name)
            for name in ("irm", "vrex", "group_dro", "mixup", "mmd", "coral")
        },
    }
)
