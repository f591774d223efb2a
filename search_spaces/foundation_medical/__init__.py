"""Are natural-domain foundation models useful for medical image classification?

Palés Huix, Ganeshan, Haslum, Söderberg, Matsoukas, Smith (WACV 2024, arXiv 2310.19522). Five
foundation models and three ImageNet baselines, with a linear head or a DeiT-B that reads their
tokens, frozen or fine-tuned, on four medical data sets; the last blocks unfrozen or dropped; the
``paper`` profile with the switches of the released code beside the ``clean`` one.

Expected (Figure 1, digitised; mean gain over DeiT-B in percent): DINOv2 with a linear head +1.92,
SEEM with a linear head and DINOv2 with DeiT-B +0.68, all others below zero. The paper's tables were
not available; see docs/foundation_medical.md.

``xenograft run foundation_medical --smoke`` touches every cell on two CPU cores; with real data and
weights a cell is hours on one GPU (not measured here).

Run: xenograft run foundation_medical --recipe paper
"""

from search_spaces.foundation_medical.study import STUDY

__all__ = ["STUDY"]
