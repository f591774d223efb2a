"""Synthetic stand-ins for KnoBo's skin sets, with findings as captions and a confounder that turns.

Lesions are those of :mod:`trainables.data.twins.isic2019_twin`; a class is one diagnosis or
several. In a confounded set most pictures of one class are taken in another light than those of
the other; in the test split it is the other way round, so what is learned from the light misleads
there. Numbers from these pictures say nothing about patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.data.card import Split
from trainables.data.twin import SIZE_PX
from trainables.data.twins.generated import GeneratedSource
from trainables.data.twins.lesion_concepts import Diagnosis, findings

CORPUS = "lesion_findings_twin"
"""Card of the pictures that findings are learned from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LesionTwinParameters:
    """Everything the pixels depend on.

    Args:
        classes: class -> diagnoses, equally frequent.
        shares: of the classes; they add up to 1.
        confounder: what the light stands for; empty where all pictures are in one light.
    """

    classes: Mapping[str, tuple[Diagnosis, ...]]
    shares: tuple[float, ...]
    confounder: str = ""
    counts: Mapping[Split, int] = field(
        default_factory=lambda: {"train": 400, "val": 150, "test": 200}
    )
    size_px: int = SIZE_PX


def _confounded_by(confounder: str) -> LesionTwinParameters:
    classes: Mapping[str, tuple[Diagnosis, ...]] = {
        "benign": ("NV", "BKL", "DF", "VASC"),
        "malignant": ("MEL", "BCC", "SCC"),
    }
    return LesionTwinParameters(classes=classes, shares=(0.5, 0.5), confounder=confounder)


PARAMETERS: Mapping[str, LesionTwinParameters] = {
    "isic_sex_twin": _confounded_by("sex"),
    "isic_age_twin": _confounded_by("age"),
    "isic_site_twin": _confounded_by("body site"),
    "isic_color_twin": _confounded_by("skin tone"),
    "isic_hospital_twin": _confounded_by("hospital"),
    # The shares of HAM10000, rare classes raised.
    "ham10000_twin": LesionTwinParameters(
        classes={
            "actinic keratoses": ("AK",),
            "basal cell carcinoma": ("BCC",),
            "benign keratosis-like lesions": ("BKL",),
            "dermatofibroma": ("DF",),
            "melanocytic nevi": ("NV",),
            "melanoma": ("MEL",),
            "vascular lesions": ("VASC",),
        },
        shares=(0.05, 0.08, 0.12, 0.04, 0.52, 0.14, 0.05),
    ),
    "bcn20000_twin": LesionTwinParameters(
        classes={
            "nevus": ("NV",),
            "melanoma": ("MEL",),
            "basal cell carcinoma": ("BCC",),
            "actinic, seborrheic keratosis": ("AK", "BKL"),
        },
        shares=(0.25, 0.25, 0.25, 0.25),
    ),
    "pad_ufes_20_twin": LesionTwinParameters(
        classes={
            "Basal, Squamous Cell Carcinoma": ("BCC", "SCC"),
            "Actinic, Seborrheic Keratosis": ("AK", "BKL"),
        },
        shares=(0.5, 0.5),
    ),
    "melanoma_twin": LesionTwinParameters(
        classes={"maliganant": ("MEL",), "benign": ("NV", "BKL")}, shares=(0.5, 0.5)
    ),
    "uwaterloo_twin": LesionTwinParameters(
        classes={"melanoma": ("MEL",), "not melanoma": ("NV",)},
        shares=(0.6, 0.4),
        counts={"train": 166, "val": 20, "test": 20},
    ),
    # Enough that most findings are on a hundred pictures, below which none is learned.
    CORPUS: LesionTwinParameters(
        classes={
            "Melanoma": ("MEL",),
            "Melanocytic nevus": ("NV",),
            "Basal cell carcinoma": ("BCC",),
            "Actinic keratosis": ("AK",),
            "Benign keratosis": ("BKL",),
            "Dermatofibroma": ("DF",),
            "Vascular lesion": ("VASC",),
            "Squamous cell carcinoma": ("SCC",),
        },
        shares=(0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1),
        counts={"train": 1200, "val": 150, "test": 150},
    ),
}

SOURCE = GeneratedSource(
    family="lesion_twin",
    version=1,
    parameters=PARAMETERS,
    module="twins.lesion_twin_pixels",
    captions=findings,
)
