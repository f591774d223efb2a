"""Where this study does other than the paper, or had to choose."""

DEVIATIONS = (
    "CoOpLVT is computed without its tokens, which stand where the causal text tower cannot read "
    "them: the same numbers, held by a test.",
    "Rates of the baselines are chosen here: DomainBed's 5e-5 for ResNet50, CoOpLVT's 5e-6 for the "
    "others.",
    "The ViT of ERM is ViT-B/16 from ImageNet-21k; the paper does not name one.",
    "Zero-shot and naive rows of Table 1 have the short names of the grades; which sentences the "
    "paper used is not known.",
    "Table 2: the record is chosen by the source's own validation part, as the released code "
    "cannot train on one domain and choose without the targets.",
    "The published ± is taken as a standard error with n in its denominator, as the released code "
    "computes it; the caption calls it a standard deviation.",
    "EyePACS has both its parts, 88,702 pictures.",
    "How the authors' copies of the pictures were made and whether they were cropped is not known.",
    "Experiments placement and extensions are ours and have no published number, but for the "
    "placement that is CoOpLVT itself.",
)
