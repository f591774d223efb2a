"""The axes of the paper's tables, and of what stands beside them."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.study import Factor

DOMAINS = ("aptos", "eyepacs", "messidor", "messidor_2")
TITLES = {
    "aptos": "APTOS",
    "eyepacs": "EyePACS",
    "messidor": "Messidor",
    "messidor_2": "Messidor2",
}
TEST_DOMAIN = Factor(name="test_domain", levels=DOMAINS, titles=TITLES)
TRAIN_DOMAIN = Factor(name="train_domain", levels=DOMAINS, titles=TITLES)

PAPER_METHOD = Factor(
    name="method",
    levels=(
        "erm_resnet50",
        "erm_vit",
        "zeroshot_clip",
        "zeroshot_biobert_pubmed",
        "zeroshot_biobert_squad",
        "linear_probe_clip_v",
        "naive_clip",
        "naive_clip_biobert",
        "coop_lvt",
    ),
    titles={
        "erm_resnet50": "ERM ResNet50",
        "erm_vit": "ERM ViT",
        "zeroshot_clip": "Zero-shot CLIP",
        "zeroshot_biobert_pubmed": "Zero-shot CLIP-VB(p)",
        "zeroshot_biobert_squad": "Zero-shot CLIP-VB(s)",
        "linear_probe_clip_v": "Linear probing CLIP-V",
        "naive_clip": "Naive CLIP",
        "naive_clip_biobert": "Naive CLIP-VB(p)",
        "coop_lvt": "CoOpLVT",
    },
)
SINGLE_METHOD = replace(PAPER_METHOD, levels=("naive_clip", "coop_lvt"))
CODE_METHOD = Factor(
    name="method",
    levels=(
        "coop_lvt_v1",
        "coop_lvt_v3",
        "coop_lvt_prompt_only",
        "biobert_prompt",
        "naive_clip_long",
        "zeroshot_clip_long",
        "naive_biobert_long",
        "zeroshot_biobert_long",
        "zeroshot_biobert_long_v2",
        "zeroshot_biobert_squad_long",
        "zeroshot_clinicalbert",
        "naive_biobert_focal",
        "naive_biobert_label_smoothing",
        "clip_v_finetune",
        "erm_focal",
        "erm_focal_plain",
    ),
)
"""Methods of the released code that the paper prints no number for."""

EXTENSION_METHOD = Factor(
    name="method",
    levels=(
        "linear_probe_clip_v_sane_lr",
        "erm_deit_b",
        "coop",
        "cocoop",
        "zeroshot_biomed_clip",
        "naive_biomed_clip",
        "zeroshot_pubmed_clip",
        "naive_pubmed_clip",
        "irm",
        "vrex",
        "group_dro",
        "mixup",
        "mmd",
        "coral",
    ),
    titles={
        "linear_probe_clip_v_sane_lr": "Linear probing CLIP-V, lr 1e-3",
        "erm_deit_b": "ERM DeiT-B",
        "coop": "CoOp",
        "cocoop": "CoCoOp",
        "zeroshot_biomed_clip": "Zero-shot BiomedCLIP",
        "naive_biomed_clip": "Naive BiomedCLIP",
        "zeroshot_pubmed_clip": "Zero-shot PubMedCLIP",
        "naive_pubmed_clip": "Naive PubMedCLIP",
        "irm": "IRM ResNet50",
        "vrex": "VREx ResNet50",
        "group_dro": "GroupDRO ResNet50",
        "mixup": "Mixup ResNet50",
        "mmd": "MMD ResNet50",
        "coral": "CORAL ResNet50",
    },
)
"""Ours: no row of these is in the paper or its code."""

PLACEMENT = Factor(
    name="placement",
    levels=("appended", "before_end"),
    titles={"appended": "published (inert)", "before_end": "active (ours)"},
)
TOKENS = Factor(name="tokens", levels=("4", "8"))
LAYERS = Factor(name="layers", levels=("1", "3"))
