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
