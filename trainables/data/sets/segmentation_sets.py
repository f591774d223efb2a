"""The sets of MedVLSM (Poudel et al., MIDL 2024): sizes, classes, prompt types and homepages.

Sizes are those of the annotation files the authors released. An item is a case: a picture and one
structure on it. The three sets that the paper only tests on have no training split here; their test
split is both of their lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.data.card import SPLITS, Split

_LICENCES = {
    "research": "research and education, no redistribution; see the homepage",
    "stanford": "Stanford University Dataset Research Use Agreement; no redistribution",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentationSet:
    """One set.

    Args:
        name: of the card; folder: of the set below the data folder of the authors' layout.
        classes: class -> cases in train, val and test.
        channels: what every class is called where the sets are pooled, in the classes' order.
        prompts: number of prompt types, from ``p0`` on.
        grey: whether pictures are read as grey.
        class_pattern: finds what tells the class of a case in the names of its picture and its
            mask; empty where there is one class.
        class_names: what the pattern finds -> class, where the two differ.
        parts: split -> sub-folder of images and masks, where there is one.
        by_patient: whether names of pictures tell the patient.
        branch: of the authors' repository with the right annotations, in words, where it is not
            the main one.
        overlap: which cases are in two splits as released; empty when none may be.
    """

    name: str
    title: str
    folder: str
    classes: Mapping[str, tuple[int, int, int]]
    channels: tuple[str, ...]
    homepage: str
    prompts: int = 10
    licence: str = _LICENCES["research"]
    grey: bool = False
    class_pattern: str = ""
    class_names: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[Split, str] = field(default_factory=dict)
    by_patient: bool = False
    branch: str = ""
    overlap: str = ""

    @property
    def prompt_types(self) -> tuple[str, ...]:
        """The prompt types of every case, in the files' order."""
        return tuple(f"p{number}" for number in range(self.prompts))

    @property
    def counts(self) -> Mapping[Split, int]:
        """Cases per split."""
        sums = (sum(of_class) for of_class in zip(*self.classes.values(), strict=True))
        return dict(zip(SPLITS, sums, strict=True))

    @property
    def only_tested(self) -> bool:
        """Whether the paper never trains on it."""
        return not self.counts["train"]


def _polyps(
    name: str,
    title: str,
    counts: tuple[int, int, int],
    homepage: str,
    overlap: str = "",
    branch: str = "",
) -> SegmentationSet:
    return SegmentationSet(
        name=name,
        title=title,
        folder=name,
        classes={"polyp": counts},
        channels=("polyp",),
        homepage=homepage,
        overlap=overlap,
        branch=branch,
    )


_BUSI: Mapping[str, tuple[int, int, int]] = {
    "benign": (349, 44, 44),
    "malignant": (168, 21, 21),
    "normal": (107, 13, 13),
}
_BUSI_HOMEPAGE = "https://scholar.cu.edu.eg/?q=afahmy/pages/dataset"
_BUSI_PATTERN = "(benign|malignant|normal)"
_FINDINGS: Mapping[str, tuple[int, int, int]] = {
    "airspace_opacity": (249, 89, 96),
    "atelectasis": (155, 46, 56),
    "cardiomegaly": (142, 55, 46),
    "consolidation": (40, 18, 10),
    "edema": (66, 30, 32),
    "enlarged_cardiomediastinum": (236, 88, 82),
    "lung_lesion": (13, 1, 1),
    "pleural_effusion": (125, 35, 27),
    "pneumothorax": (10, 2, 6),
    "support_devices": (243, 82, 96),
}

SEGMENTATION_SETS: tuple[SegmentationSet, ...] = (
    _polyps(
        "kvasir_polyp", "Kvasir-SEG, polyps in colonoscopy", (800, 100, 100),
        "https://datasets.simula.no/kvasir-seg/",
    ),
    _polyps(
        "clinicdb_polyp", "CVC-ClinicDB, polyps in colonoscopy", (490, 61, 61),
        "https://polyp.grand-challenge.org/CVCClinicDB/",
    ),
    _polyps(
        "bkai_polyp", "BKAI-IGH NeoPolyp, polyps in colonoscopy", (800, 100, 100),
        "https://www.kaggle.com/c/bkai-igh-neopolyp",
        "expected: the released lists share two cases of train and val and one of train and test; "
        "'bkai_polyp_deduplicated' leaves them out",
    ),
    _polyps(
        "cvc300_polyp", "CVC-300, polyps in colonoscopy", (0, 0, 60),
        "https://polyp.grand-challenge.org/",
        # The main branch has the files of CVC-ColonDB in its place.
        branch=" (its branch 'old')",
    ),
    _polyps(
        "colondb_polyp", "CVC-ColonDB, polyps in colonoscopy", (0, 0, 380),
        "https://polyp.grand-challenge.org/",
    ),
    _polyps(
        "etis_polyp", "ETIS-Larib, polyps in colonoscopy", (0, 0, 196),
        "https://polyp.grand-challenge.org/ETISLarib/",
    ),
    SegmentationSet(
        name="isic2016",
        title="ISIC 2016 task 1, lesions in dermoscopy",
        folder="isic",
        classes={"skin_cancer": (810, 90, 379)},
        channels=("skin_cancer",),
        homepage="https://challenge.isic-archive.com/data/#2016",
        licence="CC0",
        overlap="expected: the released lists share three cases of train and test; "
        "'isic2016_deduplicated' leaves them out",
    ),
    SegmentationSet(
        name="dfu",
        title="DFUC 2022, ulcers on photographs of feet",
        folder="dfu",
        classes={"foot_ulcer": (1600, 200, 200)},
        channels=("foot_ulcer",),
        homepage="https://dfu-challenge.github.io/dfuc2022.html",
    ),
    SegmentationSet(
        name="camus",
        title="CAMUS, three structures in echocardiography",
        folder="camus",
        classes=dict.fromkeys(("ventricle", "myocardium", "atrium"), (1600, 200, 200)),
        channels=("ventricle", "myocardium", "atrium"),
        homepage="https://www.creatis.insa-lyon.fr/Challenge/camus/",
        prompts=8,
        grey=True,
        class_pattern=r"/mask_([123])/",
        class_names={"1": "ventricle", "2": "myocardium", "3": "atrium"},
        # Validation is made of training patients.
        parts={"train": "train", "val": "train", "test": "test"},
        by_patient=True,
    ),
    SegmentationSet(
        name="busi",
        title="BUSI, tumours in breast ultrasound, and normal pictures",
        folder="busi",
        classes=_BUSI,
        channels=("tumor",) * 3,
        homepage=_BUSI_HOMEPAGE,
        prompts=7,
        class_pattern=_BUSI_PATTERN,
    ),
    SegmentationSet(
        name="busi_tumours",
        title="BUSI, tumours in breast ultrasound, without the normal pictures",
        folder="busi",
        classes={name: cases for name, cases in _BUSI.items() if name != "normal"},
        channels=("tumor",) * 2,
        homepage=_BUSI_HOMEPAGE,
        prompts=7,
        class_pattern=_BUSI_PATTERN,
    ),
    SegmentationSet(
        name="chexlocalize",
        title="CheXlocalize, ten findings on chest radiographs",
        folder="chexlocalize",
        classes=_FINDINGS,
        channels=tuple(_FINDINGS),
        homepage="https://github.com/rajpurkarlab/cheXlocalize",
        prompts=7,
        licence=_LICENCES["stanford"],
        grey=True,
        class_pattern=rf"_({'|'.join(_FINDINGS)})\.\w+$",
        by_patient=True,
    ),
)  # fmt: skip

BY_NAME: Mapping[str, SegmentationSet] = {known.name: known for known in SEGMENTATION_SETS}

REPEATING: tuple[str, ...] = tuple(known.name for known in SEGMENTATION_SETS if known.overlap)
"""The sets whose released lists have some pictures twice."""

POOLS: Mapping[str, tuple[str, ...]] = {
    "pooled_polyp": ("kvasir_polyp", "clinicdb_polyp", "bkai_polyp"),
    "pooled_all": (
        "kvasir_polyp", "clinicdb_polyp", "bkai_polyp", "isic2016", "dfu", "camus", "busi",
        "chexlocalize",
    ),
}  # fmt: skip
"""Card of a pool -> the sets whose cases it is made of, those the paper trains on."""

CHANNELS: tuple[str, ...] = (
    "polyp", "foot_ulcer", "skin_cancer", "ventricle", "myocardium", "atrium", "tumor", *_FINDINGS,
)  # fmt: skip
"""What the paper's pooled CNN outlines, in the order of its channels."""


def deduplicated(name: str) -> str:
    """Return the name of the card of a set, or of a pool of sets, that has every picture once."""
    return f"{name}_deduplicated"


def pooled_class(name: str, label: int) -> str:
    """Return what a class of a set is called in a pool.

    Args:
        name: of the set's card, or of its twin's.
    """
    return BY_NAME[name.removesuffix("_twin")].channels[label]


def pooled_classes(pool: str) -> tuple[str, ...]:
    """Return the classes of a pool, in the order of the channels of the paper's pooled CNN."""
    shown = {channel for name in POOLS[pool] for channel in BY_NAME[name].channels}
    return tuple(name for name in CHANNELS if name in shown)
