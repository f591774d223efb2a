"""Where this study does other than the paper, or had to choose."""

DEVIATIONS = (
    "The optimizer is chosen here: Adam for CNNs, AdamW for transformers; the released code does "
    "not say.",
    "Rates of 3e-4 from random weights and 1e-4 otherwise, and a weight decay of 1e-5, are chosen "
    "here.",
    "The length of training is chosen here: it ends when the rate would fall below 1e-6, after at "
    "most 200 epochs (APTOS 2019), 100 (DDSM, ISIC 2019) or 20 (CheXpert, Camelyon).",
    "Published FID and feature reuse were read from Figure 1; reading errors are 0.3, and 0.01 to "
    "0.05.",
    "Published accuracies from random and from ImageNet weights are those of the group's preceding "
    "paper (arXiv 2108.09038), with another schedule and augmentation: a guide, not a target.",
    "CheXpert keeps the released split, in which two rows are in two splits; the data set "
    "chexpert_patient has none.",
    "Class tokens, positions and relative position tables keep their ImageNet values in ST, as in "
    "the released code.",
)
