"""The axes of the paper's tables, and what is known of its data sets (section 3 of its code)."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.medical_sets import DATASET
from search_spaces.study import Factor
from trainables.models.card import NOTHING_KEPT

MODEL = Factor(
    name="model",
    levels=("deit_s", "swin_t", "inception_v3", "resnet50"),
    titles={
        "deit_s": "DeiT-S",
        "swin_t": "Swin-T",
        "inception_v3": "Inception-v3",
        "resnet50": "ResNet50",
    },
)
INIT = Factor(
    name="init",
    levels=("ri", "st", "wt"),
    titles={"ri": "RI", "st": "ST", "wt": "WT"},
)
LEVEL = Factor(name="level", levels=tuple(str(n) for n in range(NOTHING_KEPT, 13)))
STATE = Factor(name="state", levels=("trained", "initial"))
CAPACITY_MODEL = Factor(
    name="model",
    levels=("deit_t", "deit_s", "deit_b", "deit_s5", "resnet18", "resnet50", "resnet152"),
    titles={
        "deit_t": "DeiT-Ti",
        "deit_s": "DeiT-S",
        "deit_b": "DeiT-B",
        "deit_s5": "DeiT-S, 5 blocks",
        "resnet18": "ResNet18",
        "resnet50": "ResNet50",
        "resnet152": "ResNet152",
    },
)
CAPACITY_DATASET = replace(DATASET, levels=("aptos2019", "isic2019", "chexpert"))
FRACTION_MODEL = replace(MODEL, levels=("deit_s", "resnet50"))
FRACTION = Factor(name="fraction", levels=("0.01", "0.05", "0.1", "0.25", "0.5", "1.0"))

IMAGES = {
    "aptos2019": 3662,
    "ddsm": 10420,
    "isic2019": 25331,
    "chexpert": 224316,
    "camelyon": 327680,
}
TRAINING_IMAGES = {"aptos2019": 2564, "isic2019": 20265, "chexpert": 178717}
MOST_EPOCHS = {"aptos2019": 200, "ddsm": 100, "isic2019": 100, "chexpert": 20, "camelyon": 20}
"""At least three plateaus of the learning rate fit in; it usually ends a run before."""
