"""The medical data sets that several papers share, and the metric each is judged by.

Matsoukas et al. (CVPR 2022) and Palés Huix et al. (WACV 2024) use the same code for them.
"""

from __future__ import annotations

from search_spaces.study import Factor, Objective

DATASET = Factor(
    name="dataset",
    levels=("aptos2019", "ddsm", "isic2019", "chexpert", "camelyon"),
    titles={
        "aptos2019": "APTOS2019",
        "ddsm": "DDSM",
        "isic2019": "ISIC2019",
        "chexpert": "CheXpert",
        "camelyon": "Camelyon",
    },
)

HEADLINE = {
    "aptos2019": "kappa",
    "ddsm": "roc_auc",
    "isic2019": "recall_macro",
    "chexpert": "roc_auc",
    "camelyon": "roc_auc",
}
"""What each data set is selected by and reported in; kappa has quadratic weights."""


def objective(dataset: str) -> Objective:
    """Return the data set's headline metric on validation pictures."""
    return Objective(metric=f"val/{HEADLINE[dataset]}")


def metric(dataset: str) -> str:
    """Return the data set's headline metric on test pictures."""
    return f"test/{HEADLINE[dataset]}"
