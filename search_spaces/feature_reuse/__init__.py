"""What makes transfer learning work for medical images: feature reuse and other factors.

Matsoukas, Haslum, Sorkhei, Söderberg, Smith (CVPR 2022, arXiv 2203.01825). Four networks, five
medical data sets and three initialisations: the weights of ImageNet (WT), weights drawn with their
statistics (ST), random ones (RI). What a network reuses is then read from its k-NN accuracy layer
by layer, from layers set back to their initial state, from the distance weights moved, and from
CKA; a depth study transfers weights up to a layer only (WT-ST-n).

Expected (Figure 1, digitised, and the group's preceding paper for RI and WT; n = 5 runs): WT is at
or above RI nearly everywhere, most for small sets close to ImageNet; the share of the gain that is
feature reuse is larger for DeiT-S and Swin-T than for Inception-v3 and ResNet50. The paper's own
result tables were not available; see docs/feature_reuse.md.

The cells take from minutes (APTOS2019) to about a day (CheXpert) on one GPU; not measured here.
``xenograft run feature_reuse --smoke`` touches every cell on two CPU cores.

Run: xenograft run feature_reuse --recipe paper
"""

from search_spaces.feature_reuse.study import STUDY

__all__ = ["STUDY"]
