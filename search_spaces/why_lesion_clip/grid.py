"""The axes of the paper's tables, and of what stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from search_spaces.study import Factor, Levels
from trainables.data.sets.knobo_sets import KNOBO_SETS
from trainables.knowledge import ANNOTATORS, SOURCES

_NATURAL = {
    "cifar10": "CIFAR-10",
    "stl10": "STL-10",
    "imagenette": "ImageNet-10",
    "food101": "Food-101",
    "flowers102": "Flower-102",
}
"""Everyday pictures of Table 11, by the paper's names."""

_MODALITY_OF: dict[str, str] = {
    **{known.name: known.modality for known in KNOBO_SETS},
    **dict.fromkeys(_NATURAL, "natural"),
}

CONFOUNDED = tuple(known.name for known in KNOBO_SETS if known.confounder)
UNCONFOUNDED = tuple(known.name for known in KNOBO_SETS if not known.confounder)

MODALITY = Factor(
    name="modality", levels=("skin", "xray"), titles={"skin": "skin", "xray": "X-ray"}
)
DATASET = Factor(
    name="dataset",
    levels=tuple(known.name for known in KNOBO_SETS),
    titles={known.name: known.dataset for known in KNOBO_SETS},
)
UNCONFOUNDED_DATASET = replace(DATASET, levels=UNCONFOUNDED)
PROBED_MODALITY = replace(MODALITY, levels=("natural", *MODALITY.levels))
PROBED_DATASET = replace(
    DATASET, levels=(*_NATURAL, *UNCONFOUNDED), titles={**DATASET.titles, **_NATURAL}
)
"""Table 11: everyday pictures beside medical ones."""
CONFOUNDED_DATASET = replace(DATASET, levels=CONFOUNDED)
SPLIT = Factor(
    name="split",
    levels=("id", "ood"),
    titles={"id": "ID (validation)", "ood": "OOD (test)"},
)
TEST = "test/accuracy"
METRICS = {"id": "chosen/accuracy", "ood": TEST}
"""What the two splits print: one run gives both."""

METHOD = Factor(
    name="method",
    levels=(
        "vit_l14",
        "densenet",
        "linear_probe",
        "lsl",
        "pcbm_h",
        "pcbm_h_sequential",
        "labo",
        "knobo",
    ),
    titles={
        "vit_l14": "ViT-L/14",
        "densenet": "DenseNet",
        "linear_probe": "Linear Probe",
        "lsl": "LSL",
        "pcbm_h": "PCBM-h",
        "pcbm_h_sequential": "PCBM-h, sequential (ours)",
        "labo": "LaBo",
        "knobo": "KnoBo",
    },
)
OWN_METHOD = replace(METHOD, levels=("linear_probe", "knobo"))
ABLATION = Factor(
    name="ablation",
    levels=("knobo", "without_grounding", "without_prior"),
    titles={
        "knobo": "KnoBo",
        "without_grounding": "KnoBo w/o G",
        "without_prior": "KnoBo w/o Lprior",
    },
)
SOURCE = Factor(
    name="source",
    levels=SOURCES,
    titles={source: source.upper() for source in SOURCES},
)
ANNOTATOR = Factor(
    name="annotator",
    levels=ANNOTATORS,
    titles={"flan_t5": "Flan-T5", "gpt4": "GPT-4"},
)
XRAY = replace(MODALITY, levels=("xray",))
REPORTS = Factor(name="reports", levels=("100", "250", "500", "1000", "1500", "2000"))
ALL_REPORTS = "2000"
"""What was annotated of every concept."""

READER = Factor(
    name="reader",
    levels=("knobo", "linear_probe"),
    titles={"knobo": "concepts (KnoBo)", "linear_probe": "features (probe)"},
)
SIZE = Factor(name="size", levels=tuple(str(size) for size in range(15, 151, 15)))
SHOTS = Factor(name="shots", levels=tuple(str(2**k) for k in range(7)))
ORIGIN = Factor(
    name="origin",
    levels=("released", "aligned"),
    titles={"released": "released CLIP", "aligned": "CLIP fine-tuned here"},
)
CAPTIONS = Factor(
    name="captions",
    levels=("findings", "report"),
    titles={"findings": "findings", "report": "whole reports (no extraction)"},
)
DEFINITION = Factor(
    name="definition",
    levels=("paper", "released"),
    titles={"paper": "paper", "released": "released code"},
)


def modality_of(dataset: str) -> str:
    """Return the modality of a data set."""
    return _MODALITY_OF[dataset]


def belongs(levels: Levels) -> bool:
    """Whether the data set of a place is of its modality."""
    return _MODALITY_OF[levels["dataset"]] == levels["modality"]


def datasets(modality: str, confounded: bool) -> Iterator[str]:
    """Yield the five sets of a modality that are confounded, or the five that are not."""
    for name in CONFOUNDED if confounded else PROBED_DATASET.levels:
        if _MODALITY_OF[name] == modality:
            yield name
