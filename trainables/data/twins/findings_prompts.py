"""Sentences for the findings twin: finding, view, shape, place, and all findings of the picture.

They are composed as those of MedVLSM (Poudel et al., MIDL 2024) for CheXlocalize; the last type is
the first one with the list of findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainables.data.prompts import Prompts

if TYPE_CHECKING:
    from trainables.data.twins.generated import Table

FINDINGS = (
    "airspace_opacity",
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "edema",
    "enlarged_cardiomediastinum",
    "lung_lesion",
    "pleural_effusion",
    "pneumothorax",
    "support_devices",
)
_SHAPES = {
    "airspace_opacity": "round",
    "atelectasis": "flat",
    "cardiomegaly": "round",
    "consolidation": "round",
    "edema": "wide",
    "enlarged_cardiomediastinum": "long",
    "lung_lesion": "small round",
    "pleural_effusion": "crescent",
    "pneumothorax": "crescent",
    "support_devices": "thin",
}
_PLACES = {
    "cardiomegaly": "middle",
    "enlarged_cardiomediastinum": "middle",
    "edema": "middle on both sides",
}
_VIEWS = ("frontal", "lateral")
_SIDES = ("left", "right")


def prompts_of_truth(table: Table) -> list[Prompts]:
    """Return the prompts of every row of the ground truth."""
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    return [_prompts(dict(zip(table, values, strict=True))) for values in rows]


def _prompts(case: dict[str, Any]) -> Prompts:
    finding = FINDINGS[case["label"]]
    name, shape = _words(finding), _SHAPES[finding]
    place = _PLACES.get(finding, _SIDES[case["side"]])
    view = f"in the {_VIEWS[case['view']]} view of a chest x-ray"
    every = ", ".join(_words(other) for other in FINDINGS if case[other])
    placed = f"{name} of {shape} shape {view}, on the {place}"
    texts = (
        "",
        f"{name} in a chest x-ray",
        f"{name} {view}",
        f"{name} of {shape} shape {view}",
        placed,
        f"{placed}, with {every}",
        f"{name} in a chest x-ray, with {every}",
    )
    return {f"p{number}": (text,) for number, text in enumerate(texts)}


def _words(finding: str) -> str:
    return finding.replace("_", " ")
