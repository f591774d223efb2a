"""What logs of CoOpLVT's code call by number or by class, under the names of the study."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.domainbed_log.jobs import LogMetric

STUDY = "coop_lvt"
"""The study that these logs belong to."""

DATASET = "DR"
"""The data set of diabetic retinopathy."""

DOMAINS = ("aptos", "eyepacs", "messidor", "messidor_2")
"""Domain of each environment of ``DR``: DomainBed numbers folders in the order of their names."""

METHODS: Mapping[str, str] = {
    "ERM": "erm_resnet50",
    "ERM_ViT": "erm_vit",
    "Clip_train_zero_shot": "zeroshot_clip",
    "Biomedical_Clip_train_zero_shot": "zeroshot_biobert_pubmed",
    "Biomedical_Clip_train_squad_zero_shot": "zeroshot_biobert_squad",
    "ERM_ViT_learning_probing": "linear_probe_clip_v",
    "Clip_train": "naive_clip",
    "Biomedical_Clip_train": "naive_clip_biobert",
    "Clip_train_prompt_from_image_v2": "coop_lvt",
    "Clip_train_prompt_from_image": "coop_lvt_v1",
    "Clip_train_prompt_from_image_v3": "coop_lvt_v3",
    "Clip_train_prompt_from_image_prompt_only": "coop_lvt_prompt_only",
    "Biomedical_Clip_train_prompt": "biobert_prompt",
    "Clip_train_advanced": "naive_clip_long",
    "Clip_train_advanced_zero_shot": "zeroshot_clip_long",
    "Biomedical_Clip_train_advanced": "naive_biobert_long",
    "Biomedical_Clip_train_advanced_zero_shot": "zeroshot_biobert_long",
    "Biomedical_Clip_train_advanced_v2_zero_shot": "zeroshot_biobert_long_v2",
    "Biomedical_Clip_train_squad_advanced_zero_shot": "zeroshot_biobert_squad_long",
    "Clinical_Clip_train_zero_shot": "zeroshot_clinicalbert",
    "Biomedical_Clip_train_focal": "naive_biobert_focal",
    "Biomedical_Clip_train_label_smoothing": "naive_biobert_label_smoothing",
    "ERM_ViT_classifier_learning": "clip_v_finetune",
    "ERM_focal": "erm_focal",
    "ERM_focal_loss": "erm_focal_plain",
}
"""Class of the algorithm -> level of the factor 'method'. Others keep the name of their class."""

METRICS: Mapping[LogMetric, str] = {
    "acc": "accuracy",
    "f1m": "macro_f1_fixed",
    "f1w": "weighted_f1",
}
"""Names of logs -> names of our own runs."""


def method_of(algorithm: str) -> str:
    """Return what the study calls an algorithm."""
    return METHODS.get(algorithm, algorithm)
