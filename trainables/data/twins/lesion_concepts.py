"""What can be said of a generated lesion: findings as captions, concepts as questions, priors.

All follow from the truth a picture was drawn from. A caricature of the dermoscopic criteria.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Diagnosis = Literal["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"]

DIAGNOSES: tuple[Diagnosis, ...] = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
"""In the order of the classes of ISIC 2019, by which lesions are drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LesionConcept:
    """One question about a lesion.

    Args:
        column, least: the truth is yes where this column of the ground truth is at least that.
        finding: what a report says where it is so.
        otherwise: what it says where it is not; empty when nothing.
        shown_by: diagnoses that typically show it.
    """

    question: str
    column: str
    least: int
    finding: str
    otherwise: str = ""
    shown_by: tuple[Diagnosis, ...]

    def answer(self, table: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
        """Return the truth for every picture, (n,)."""
        answer: npt.NDArray[np.bool_] = table[self.column] >= self.least
        return answer


CONCEPTS: tuple[LesionConcept, ...] = (
    LesionConcept(
        question="Is the lesion asymmetric in shape?",
        column="asymmetry",
        least=2,
        finding="asymmetric shape",
        otherwise="symmetric shape",
        shown_by=("MEL",),
    ),
    LesionConcept(
        question="Is the border of the lesion ragged?",
        column="border",
        least=2,
        finding="ragged border",
        otherwise="smooth border",
        shown_by=("MEL",),
    ),
    LesionConcept(
        question="Does the lesion have several colours?",
        column="colours",
        least=2,
        finding="several colours",
        otherwise="even colour",
        shown_by=("MEL",),
    ),
    LesionConcept(
        question="Is there a blue-white veil over the lesion?",
        column="veil",
        least=1,
        finding="blue-white veil",
        shown_by=("MEL",),
    ),
    LesionConcept(
        question="Is there a network of dark lines?",
        column="network",
        least=1,
        finding="pigment network",
        shown_by=("MEL", "NV", "DF"),
    ),
    LesionConcept(
        question="Are there many dark globules?",
        column="globules",
        least=4,
        finding="many dark globules",
        shown_by=("MEL", "NV"),
    ),
    LesionConcept(
        question="Are there branching vessels?",
        column="vessels",
        least=1,
        finding="branching vessels",
        shown_by=("BCC",),
    ),
    LesionConcept(
        question="Are there pale openings of follicles on red skin?",
        column="follicles",
        least=1,
        finding="pale follicular openings",
        shown_by=("AK",),
    ),
    LesionConcept(
        question="Are there small white cysts?",
        column="cysts",
        least=1,
        finding="milia-like cysts",
        shown_by=("BKL",),
    ),
    LesionConcept(
        question="Is there a white scar-like patch in the centre?",
        column="scar",
        least=1,
        finding="central white scar-like patch",
        shown_by=("DF",),
    ),
    LesionConcept(
        question="Are there red or purple lacunae?",
        column="lacunae",
        least=1,
        finding="red-purple lacunae",
        shown_by=("VASC",),
    ),
    LesionConcept(
        question="Are there white masses of keratin?",
        column="keratin",
        least=1,
        finding="white masses of keratin",
        shown_by=("SCC",),
    ),
)


def findings(table: Mapping[str, npt.NDArray[Any]]) -> list[tuple[str, ...]]:
    """Return what a report would say of every picture, in the order of the concepts."""
    said = [
        [concept.finding if shown else concept.otherwise for shown in concept.answer(table)]
        for concept in CONCEPTS
    ]
    return [tuple(filter(None, of_picture)) for of_picture in zip(*said, strict=True)]


def answers(classes: Mapping[str, tuple[Diagnosis, ...]]) -> dict[str, dict[str, str]]:
    """Return class -> question -> 'yes' where one of the class's diagnoses shows it, else 'no'."""
    return {
        name: {
            concept.question: "yes" if set(concept.shown_by) & set(diagnoses) else "no"
            for concept in CONCEPTS
        }
        for name, diagnoses in classes.items()
    }
