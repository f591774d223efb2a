"""The twenty sets of KnoBo (Yang et al., NeurIPS 2024), as the splits its authors released.

Classes, their order and spelling, and the pictures per split are those of the released files, which
differ from the paper's tables for ISIC-hospital and HAM10000 (Table 8). Class names are keys of the
priors too, so a misspelt one (``maliganant``) stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trainables.data.sets.knobo_archives import (
    CHEXPERT,
    COVID_QU,
    HAM10000,
    ISIC,
    MELANOMA,
    NIH,
    NIH_AND_CHEXPERT,
    OPEN_I,
    PAD_UFES_20,
    PNEUMONIA,
    UWATERLOO,
    VINDR_CXR,
    Archive,
)

Modality = Literal["skin", "xray"]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnoboSet:
    """One of the twenty.

    Args:
        name: of its card.
        dataset: the authors' name, which its folder has.
        counts: class -> pictures for training, validation and testing; in the order of the labels.
        digests: of the three released splits, by :func:`trainables.data.split_files.split_digest`.
        confounder: what goes with one class in training and validation and with the other in
            testing; empty where splits are random.
        patient: pattern of the part of a path that tells the patient; empty where none does.
        leak: what splits are known to share and paths do not tell.
    """

    name: str
    dataset: str
    modality: Modality
    archive: Archive
    counts: Mapping[str, tuple[int, int, int]]
    digests: tuple[str, str, str]
    confounder: str = ""
    patient: str = ""
    leak: str = ""


_NIH_PATIENT = r"/\d{8}_"
_CHEXPERT_PATIENT = r"patient\d+"

KNOBO_SETS: tuple[KnoboSet, ...] = (
    KnoboSet(
        name="isic_sex",
        dataset="ISIC-sex",
        modality="skin",
        archive=ISIC,
        confounder="sex",
        counts={
            "benign": (1200, 150, 150),
            "malignant": (1200, 150, 150),
        },
        digests=("69d1a225cfdeb795", "dff9becc1d1c6023", "e5ba096221c563a4"),
    ),
    KnoboSet(
        name="isic_age",
        dataset="ISIC-age",
        modality="skin",
        archive=ISIC,
        confounder="age",
        counts={
            "benign": (1400, 150, 150),
            "malignant": (1400, 150, 150),
        },
        digests=("db5cdfca7ccf6be8", "1aef03a0120fd9ea", "9902c631cac3298a"),
    ),
    KnoboSet(
        name="isic_site",
        dataset="ISIC-site",
        modality="skin",
        archive=ISIC,
        confounder="body site",
        counts={
            "benign": (1000, 300, 300),
            "malignant": (1000, 300, 300),
        },
        digests=("4142953dc27cf369", "0b5c4afc152257da", "064b1a19dec4f25c"),
    ),
    KnoboSet(
        name="isic_color",
        dataset="ISIC-color",
        modality="skin",
        archive=ISIC,
        confounder="skin tone",
        counts={
            "benign": (900, 130, 130),
            "malignant": (900, 130, 130),
        },
        digests=("fcdf2c811e1412ee", "353e262e7e7ea9d6", "d306209234acc150"),
    ),
    KnoboSet(
        name="isic_hospital",
        dataset="ISIC-hospital",
        modality="skin",
        archive=ISIC,
        confounder="hospital",
        counts={
            "benign": (1500, 500, 500),
            "malignant": (1500, 500, 500),
        },
        digests=("33341e95bd3685e3", "9e38afe696eb3b6b", "657defda0460f33f"),
    ),
    KnoboSet(
        name="ham10000",
        dataset="HAM10000",
        modality="skin",
        archive=HAM10000,
        counts={
            "actinic keratoses": (261, 33, 33),
            "basal cell carcinoma": (411, 51, 52),
            "benign keratosis-like lesions": (879, 110, 110),
            "dermatofibroma": (92, 11, 12),
            "melanocytic nevi": (5364, 670, 671),
            "melanoma": (890, 111, 112),
            "vascular lesions": (113, 14, 15),
        },
        leak="several pictures of a lesion may be in different splits; names of files do not tell",
        digests=("61196cf907c3e366", "8a8d97d5af4201b0", "78c1467819f17a03"),
    ),
    KnoboSet(
        name="bcn20000",
        dataset="BCN20000",
        modality="skin",
        archive=ISIC,
        counts={
            "nevus": (1200, 200, 200),
            "melanoma": (1200, 200, 200),
            "basal cell carcinoma": (1200, 200, 200),
            "actinic, seborrheic keratosis": (1200, 200, 200),
        },
        digests=("e4ffe1bdc49430c1", "26e04121aa9bd924", "b346a7e3dda579da"),
    ),
    KnoboSet(
        name="pad_ufes_20",
        dataset="PAD-UFES-20",
        modality="skin",
        archive=PAD_UFES_20,
        counts={
            "Basal, Squamous Cell Carcinoma": (837, 100, 100),
            "Actinic, Seborrheic Keratosis": (765, 100, 100),
        },
        patient=r"PAT_\d+_",
        digests=("8f6807cf71cfbc84", "981a31546c11e703", "a272216872e3a993"),
    ),
    KnoboSet(
        name="melanoma",
        dataset="Melanoma",
        modality="skin",
        archive=MELANOMA,
        counts={
            "maliganant": (4105, 500, 500),
            "benign": (4500, 500, 500),
        },
        digests=("d9e43e8cbb4b2647", "9952737c230ffc2f", "df6ece87b5788a10"),
    ),
    KnoboSet(
        name="uwaterloo",
        dataset="UWaterloo",
        modality="skin",
        archive=UWATERLOO,
        counts={
            "melanoma": (99, 10, 10),
            "not melanoma": (67, 10, 10),
        },
        digests=("33259ed81efa4c78", "8164cd1780d840ce", "35a36c65fe0de709"),
    ),
    KnoboSet(
        name="nih_sex",
        dataset="NIH-sex",
        modality="xray",
        archive=NIH,
        confounder="sex",
        counts={
            "Atelectasis": (1500, 250, 500),
            "Effusion": (1500, 250, 500),
        },
        patient=_NIH_PATIENT,
        digests=("f63bd402f4130daa", "74b2bafb1df2ec7b", "968fe7319d0e20af"),
    ),
    KnoboSet(
        name="nih_age",
        dataset="NIH-age",
        modality="xray",
        archive=NIH,
        confounder="age",
        counts={
            "No Finding": (1500, 250, 250),
            "Has Finding": (1500, 250, 250),
        },
        patient=_NIH_PATIENT,
        digests=("82a9d9bd4c415901", "eff961b8d4404007", "2d86d972481ae744"),
    ),
    KnoboSet(
        name="nih_pos",
        dataset="NIH-pos",
        modality="xray",
        archive=NIH,
        confounder="view",
        counts={
            "Atelectasis": (1500, 150, 150),
            "Effusion": (1500, 150, 150),
        },
        patient=_NIH_PATIENT,
        digests=("cac77532aef308e8", "458142d683edca7f", "2813aca14fc89591"),
    ),
    KnoboSet(
        name="chexpert_race",
        dataset="CheXpert-race",
        modality="xray",
        archive=CHEXPERT,
        confounder="race",
        counts={
            "No Finding": (2000, 250, 250),
            "Has Finding": (2000, 250, 250),
        },
        patient=_CHEXPERT_PATIENT,
        digests=("091b8c8f9213f72e", "8afb716c41e2d12d", "d582656f08265dc9"),
    ),
    KnoboSet(
        name="nih_chexpert",
        dataset="NIH-CheXpert",
        modality="xray",
        archive=NIH_AND_CHEXPERT,
        confounder="source",
        counts={
            "Atelectasis": (2500, 500, 500),
            "Effusion": (2500, 500, 500),
        },
        patient=f"{_NIH_PATIENT}|{_CHEXPERT_PATIENT}",
        digests=("e8717cbcb0e4509d", "eb3a1ac32e4d82f8", "a68dc6f34595f1a3"),
    ),
    KnoboSet(
        name="pneumonia",
        dataset="pneumonia",
        modality="xray",
        archive=PNEUMONIA,
        counts={
            "NORMAL": (1341, 8, 234),
            "PNEUMONIA": (3875, 8, 390),
        },
        patient=r"person\d+",
        digests=("860f2f0c819db051", "791afa13c622fb51", "f8afb726841ee602"),
    ),
    KnoboSet(
        name="covid_qu",
        dataset="COVID-QU",
        modality="xray",
        archive=COVID_QU,
        counts={
            "COVID": (2892, 361, 360),
            "Lung Opacity": (4809, 601, 601),
            "Normal": (8153, 1019, 1019),
            "Viral Pneumonia": (1076, 134, 134),
        },
        digests=("9e35534e3b03b4e1", "fb274f3fb66511bd", "56f6cb3ea4718db8"),
    ),
    KnoboSet(
        name="nih_cxr",
        dataset="NIH-CXR",
        modality="xray",
        archive=NIH,
        counts={
            "Atelectasis": (2978, 421, 816),
            "Cardiomegaly": (741, 111, 241),
            "Effusion": (2754, 376, 825),
            "Consolidation": (930, 131, 249),
            "Edema": (449, 63, 116),
            "Pneumonia": (214, 38, 70),
        },
        patient=_NIH_PATIENT,
        digests=("cc396f241d7361eb", "3c16054fae24a31b", "efbbad9f36f25846"),
    ),
    KnoboSet(
        name="open_i",
        dataset="open-i",
        modality="xray",
        archive=OPEN_I,
        counts={
            "Cardiomegaly": (183, 93, 192),
            "Lung Opacity": (203, 94, 189),
            "Normal": (498, 251, 509),
        },
        patient=r"/\d+_",
        digests=("22e6cdc2dc3c18ad", "10f745197fd184ac", "20ede77f44a663a8"),
    ),
    KnoboSet(
        name="vindr_cxr",
        dataset="vindr-cxr",
        modality="xray",
        archive=VINDR_CXR,
        counts={
            "No finding": (200, 25, 25),
            "Aortic enlargement": (200, 25, 25),
            "Cardiomegaly": (200, 25, 25),
            "Pulmonary fibrosis": (200, 25, 25),
            "Lung Opacity": (200, 25, 25),
            "Pleural thickening": (200, 25, 25),
            "Nodule/Mass": (200, 25, 25),
        },
        digests=("8118b2e1b82ea2e2", "af1d5789b65b3165", "4a9211ef761ef771"),
    ),
)
"""In the paper's order: skin lesions, then radiographs; confounded sets first."""

RELEASED_DIGESTS: Mapping[str, tuple[str, str, str]] = {s.dataset: s.digests for s in KNOBO_SETS}
"""The authors' name of a set -> digests of its training, validation and test split."""
