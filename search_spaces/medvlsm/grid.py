"""The axes of the study's tables."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.study import Factor
from trainables.data.sets.segmentation_sets import BY_NAME, POOLS
from trainables.segmentation.config import RANDOM_PROMPT

NO_PROMPT = "none"
"""Level of the prompt of networks that read no text."""

TEXT_MODELS = ("clipseg", "cris", "biomed_clipseg", "biomed_clipseg_d")
CNNS = ("unet", "unetpp", "deeplabv3plus")
MODEL = Factor(
    name="model",
    levels=TEXT_MODELS + CNNS,
    titles={
        "clipseg": "CLIPSeg",
        "cris": "CRIS",
        "biomed_clipseg": "BiomedCLIPSeg",
        "biomed_clipseg_d": "BiomedCLIPSeg-D",
        "unet": "UNet",
        "unetpp": "UNet++",
        "deeplabv3plus": "DeepLabV3+",
    },
)
TEXT_MODEL = replace(MODEL, levels=TEXT_MODELS)
ZERO_SHOT_MODEL = replace(MODEL, levels=("clipseg", "cris"))
FROZEN_MODEL = replace(MODEL, levels=("cris",))
CNN = replace(MODEL, levels=CNNS)

POLYPS_TRAINED = POOLS["pooled_polyp"]
POLYPS_TESTED = ("cvc300_polyp", "colondb_polyp", "etis_polyp")
POLYPS = POLYPS_TRAINED + POLYPS_TESTED
TRAINED = POOLS["pooled_all"]
TUMOURS = "busi_tumours"
"""BUSI without its normal pictures, which the published table seems to leave out."""

_TITLES = {
    "kvasir_polyp": "Kvasir-SEG",
    "clinicdb_polyp": "ClinicDB",
    "bkai_polyp": "BKAI",
    "cvc300_polyp": "CVC-300",
    "colondb_polyp": "ColonDB",
    "etis_polyp": "ETIS",
    "isic2016": "ISIC 2016",
    "dfu": "DFUC 2022",
    "camus": "CAMUS",
    "busi": "BUSI",
    TUMOURS: "BUSI, tumours",
    "chexlocalize": "CheXlocalize",
    "pooled_polyp": "Endoscopy pooled",
    "pooled_all": "Pooled",
}
_TESTED = (*POLYPS, *TRAINED[len(POLYPS_TRAINED) :])
DATASET = Factor(name="dataset", levels=TRAINED, titles=_TITLES)
ZERO_SHOT_DATASET = replace(DATASET, levels=(*_TESTED, *POOLS))
TEST_DATASET = replace(DATASET, levels=(*_TESTED, TUMOURS))
POLYP_DATASET = replace(DATASET, levels=POLYPS)
FROZEN_DATASET = replace(DATASET, levels=("camus", "busi"))
TRAIN_DATASET = Factor(name="train", levels=POLYPS_TRAINED, titles=_TITLES)
POOL = Factor(name="pool", levels=tuple(POOLS), titles=_TITLES)

_NUMBERED = tuple(f"p{number}" for number in range(10))
PROMPT = Factor(name="prompt", levels=_NUMBERED, titles={p: p.upper() for p in _NUMBERED})
ZERO_SHOT_PROMPT = replace(PROMPT, levels=(*_NUMBERED, RANDOM_PROMPT))
POOLED_PROMPT = replace(PROMPT, levels=(*_NUMBERED, RANDOM_PROMPT, NO_PROMPT))
TUMOUR_PROMPT = replace(PROMPT, levels=BY_NAME[TUMOURS].prompt_types)
FROZEN_PROMPT = replace(PROMPT, levels=BY_NAME["camus"].prompt_types)

STRUCTURES = {
    structure: name
    for name in ("camus", TUMOURS, "chexlocalize")
    for structure in BY_NAME[name].classes
}
"""Class -> the data set it is of, where CNNs are trained for one class each."""

STRUCTURE = Factor(name="structure", levels=tuple(STRUCTURES))

ALL_STRUCTURES = "all"
HEART_STRUCTURE = replace(
    STRUCTURE,
    levels=(*BY_NAME["camus"].classes, ALL_STRUCTURES),
    titles={ALL_STRUCTURES: "all three"},
)

SPACE = Factor(
    name="space",
    levels=("published", "wide"),
    titles={"published": "released sweep", "wide": "ours"},
)


def prompt_types(dataset: str) -> tuple[str, ...]:
    """Return the prompt types that a data set, or every set of a pool, is used with."""
    if dataset == "pooled_all":
        return (RANDOM_PROMPT,)
    return _NUMBERED if dataset in POOLS else BY_NAME[dataset].prompt_types
