"""Synthetic stand-ins for KnoBo's radiographs, with findings and a confounder that turns.

Chests are those of :mod:`trainables.data.twins.chexpert_twin`; a class is one set of findings or
several. In a confounded set most pictures of one class have a bright marker in a corner; in the
test split it is the other way round. Numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.data.card import Split
from trainables.data.sets.chexpert_findings import FINDINGS, NO_FINDING
from trainables.data.twin import SIZE_PX
from trainables.data.twins.generated import GeneratedSource, Table

CORPUS = "chest_findings_twin"
"""Card of the pictures that findings are learned from."""

CONCEPTS: tuple[str, ...] = tuple(name for name in FINDINGS if name != NO_FINDING)
"""The findings themselves, as questions."""

Findings = tuple[str, ...]

_WATER: Findings = ("Pleural Effusion",)
_PLATES: Findings = ("Atelectasis",)
_HEART: Findings = ("Cardiomegaly",)
_SHADOW: Findings = ("Lung Opacity",)
_PNEUMONIA: Findings = ("Pneumonia",)
_DENSE: Findings = ("Consolidation",)
_NONE: Findings = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ChestTwinParameters:
    """Everything the pixels depend on.

    Args:
        classes: class -> sets of findings, of which a picture has one; equally frequent.
        shares: of the classes; they add up to 1.
        confounder: what the marker stands for; empty where no picture has one.
    """

    classes: Mapping[str, tuple[Findings, ...]]
    shares: tuple[float, ...]
    confounder: str = ""
    counts: Mapping[Split, int] = field(
        default_factory=lambda: {"train": 400, "val": 150, "test": 200}
    )
    size_px: int = SIZE_PX


def _two(confounder: str, classes: Mapping[str, tuple[Findings, ...]]) -> ChestTwinParameters:
    return ChestTwinParameters(classes=classes, shares=(0.5, 0.5), confounder=confounder)


def _corpus() -> ChestTwinParameters:
    """Every finding alone, and with another; enough of each to learn it (a hundred pictures)."""
    other = dict(zip(CONCEPTS, CONCEPTS[1:] + CONCEPTS[:1], strict=True))
    classes = {NO_FINDING: (_NONE,)} | {name: ((name,), (name, other[name])) for name in CONCEPTS}
    share = 0.07
    return ChestTwinParameters(
        classes=classes,
        shares=(1 - share * len(CONCEPTS), *[share] * len(CONCEPTS)),
        counts={"train": 1200, "val": 150, "test": 150},
    )


_COLLAPSE_OR_WATER = {"Atelectasis": (_PLATES,), "Effusion": (_WATER,)}
_ANYTHING = {
    "No Finding": (_NONE,),
    "Has Finding": (_WATER, _PLATES, _HEART, _SHADOW, ("Edema",), _PNEUMONIA),
}

PARAMETERS: Mapping[str, ChestTwinParameters] = {
    "nih_sex_twin": _two("sex", _COLLAPSE_OR_WATER),
    "nih_age_twin": _two("age", _ANYTHING),
    "nih_pos_twin": _two("view", _COLLAPSE_OR_WATER),
    "chexpert_race_twin": _two("race", _ANYTHING),
    "nih_chexpert_twin": _two("source", _COLLAPSE_OR_WATER),
    "pneumonia_twin": ChestTwinParameters(
        classes={"NORMAL": (_NONE,), "PNEUMONIA": (_PNEUMONIA,)},
        shares=(0.3, 0.7),
        counts={"train": 400, "val": 16, "test": 200},
    ),
    "covid_qu_twin": ChestTwinParameters(
        classes={
            "COVID": (("Lung Opacity", "Consolidation"),),
            "Lung Opacity": (_SHADOW,),
            "Normal": (_NONE,),
            "Viral Pneumonia": (_PNEUMONIA,),
        },
        shares=(0.17, 0.28, 0.48, 0.07),
    ),
    "nih_cxr_twin": ChestTwinParameters(
        classes={
            "Atelectasis": (_PLATES,),
            "Cardiomegaly": (_HEART,),
            "Effusion": (_WATER,),
            "Consolidation": (_DENSE,),
            "Edema": (("Edema",),),
            "Pneumonia": (_PNEUMONIA,),
        },
        shares=(0.36, 0.09, 0.34, 0.11, 0.06, 0.04),
    ),
    "open_i_twin": ChestTwinParameters(
        classes={"Cardiomegaly": (_HEART,), "Lung Opacity": (_SHADOW,), "Normal": (_NONE,)},
        shares=(0.21, 0.22, 0.57),
    ),
    "vindr_cxr_twin": ChestTwinParameters(
        classes={
            "No finding": (_NONE,),
            "Aortic enlargement": (("Enlarged Cardiomediastinum",),),
            "Cardiomegaly": (_HEART,),
            # Drawn alike as bands and haze, for want of a pattern of its own.
            "Pulmonary fibrosis": (("Atelectasis", "Edema"),),
            "Lung Opacity": (_SHADOW,),
            "Pleural thickening": (("Pleural Other",),),
            "Nodule/Mass": (("Lung Lesion",),),
        },
        shares=(1 / 7,) * 7,
    ),
    CORPUS: _corpus(),
}


def finding(concept: str) -> str:
    """Return what a report says where a finding is there."""
    return concept.lower()


def findings(table: Table) -> list[tuple[str, ...]]:
    """Return what a report would say of every picture."""
    shown = zip(*(table[concept] == 1 for concept in CONCEPTS), strict=True)
    return [_said(dict(zip(CONCEPTS, of_picture, strict=True))) for of_picture in shown]


def _said(shown: Mapping[str, bool]) -> tuple[str, ...]:
    there = [name for name, is_there in shown.items() if is_there] or [NO_FINDING]
    return tuple(map(finding, there))


def answers(classes: Mapping[str, tuple[Findings, ...]]) -> dict[str, dict[str, str]]:
    """Return class -> finding -> 'yes' where one of the class's sets of findings has it."""
    return {
        name: {c: "yes" if any(c in findings for findings in sets) else "no" for c in CONCEPTS}
        for name, sets in classes.items()
    }


SOURCE = GeneratedSource(
    family="chest_twin",
    version=1,
    parameters=PARAMETERS,
    module="twins.chest_twin_pixels",
    captions=findings,
)
